import { ExitCode } from '../exit-code.ts';
import type { Entry } from './entry.ts';

/** What can be wrong with schedules. Documented in `docs/errors/schedule.md`. */
export const SCHEDULE_ERRORS = {
  BACKFILL_TOO_LARGE: {
    exit: ExitCode.usage,
    message: (p: { most: number; last: string; next: string }) =>
      `More than ${p.most} ticks lie between --from and --to`,
    hint: (p: { last: string; next: string }) => `Do it in parts: --to ${p.last}, then --from ${p.next}.`,
  },
  SCHEDULE_MISSING: {
    exit: ExitCode.usage,
    message: (p: { profile: string }) => `The profile ${p.profile} says no schedule`,
    hint: () =>
      'Write one into it, as in schedule: { cron: "0 2 * * *", timezone: Europe/Berlin }. One that was applied is taken away by `recipe schedules remove`.',
  },
  SCHEDULE_NOT_FOUND: {
    exit: ExitCode.usage,
    message: (p: { schedule: string; known: readonly string[] }) => `There is no schedule ${p.schedule}`,
    hint: (p: { known: readonly string[] }) =>
      p.known.length === 0
        ? 'Apply one: `recipe schedules apply RECIPE -p PROFILE`.'
        : `Choose one of ${p.known.join(', ')}.`,
  },
  NOTIFY_SECRET_NOT_FOUND: {
    exit: ExitCode.usage,
    message: (p: { secret: string }) => `The secret ${p.secret}, which notify signs with, has no value`,
    hint: (p: { secret: string }) =>
      `Set STOCKPOT_SECRET_${p.secret}, or say in the profile's \`secrets:\` where it comes from.`,
  },
  SCHEDULE_AFTER_UNKNOWN: {
    exit: ExitCode.usage,
    message: (p: { recipe: string; known: readonly string[]; near: string | undefined }) =>
      `schedule.after names the recipe ${p.recipe}, which this project does not have`,
    hint: (p: { known: readonly string[]; near: string | undefined }) =>
      p.near === undefined
        ? p.known.length === 0
          ? 'Name a folder of recipes/: this project has none.'
          : `Choose one of ${p.known.join(', ')}.`
        : `Did you mean ${p.near}?`,
  },
  SCHEDULE_CYCLE: {
    exit: ExitCode.usage,
    message: (p: { path: readonly string[] }) =>
      `Runs would start each other without end: ${p.path.join(' follows ')}`,
    hint: () => 'Give one of these schedules a cron, or let it follow another recipe.',
  },
  SCHEDULE_OUTPUT_INVALID: {
    exit: ExitCode.usage,
    message: (p: { recipe: string; output: string; known: readonly string[] }) =>
      `schedule.after names ${p.output}, which is no output of the kind value in the recipe ${p.recipe}`,
    hint: (p: { known: readonly string[] }) =>
      p.known.length === 0
        ? 'Declare one there, as in outputs: { rows: { path: rows.json, kind: value } }.'
        : `Choose one of ${p.known.join(', ')}.`,
  },
  SCHEDULE_RUNNING: {
    exit: ExitCode.usage,
    message: (p: { schedule: string; run: string | undefined }) =>
      `A run of ${p.schedule} goes on${p.run === undefined ? '' : `: ${p.run}`}`,
    hint: (p: { schedule: string }) =>
      `Start no more with \`recipe schedules pause ${p.schedule}\`, and remove it when the run has ended.`,
  },
  SCHEDULE_STEP_INVALID: {
    exit: ExitCode.usage,
    message: (p: { step: string; problem: string }) => `only_if_changed names ${p.step}, ${p.problem}`,
    hint: () => 'Name steps that read files, URLs or models, as ingest does.',
  },
} as const satisfies Record<string, Entry>;
