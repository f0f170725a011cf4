import { randomUUID } from 'node:crypto';
import { Project } from './compose.ts';
import type { ProjectHome, Surroundings } from './compose-home.ts';
import { ledgerOf } from './compose-ledger.ts';
import type { Digest } from './core/ids.ts';
import type { NotifySettings } from './core/notify-settings.ts';
import type { Plan, SecretSource } from './core/plan.ts';
import { RecipeError } from './core/recipe-error.ts';
import type { AfterRule, ScheduleSettings } from './core/schedule-rules.ts';
import type { Database, Sql } from './db/sql.ts';
import type { Followable } from './engine/followed-value.ts';
import { stepsNamed } from './engine/outside-digest.ts';
import { isSecretMissing, preflight } from './engine/preflight.ts';
import { secretSource } from './engine/secrets.ts';
import { select } from './engine/selection.ts';
import { keepSnapshot } from './engine/snapshot.ts';
import { ledgerNow } from './ledger/ledger-clock.ts';
import { removeSchedule } from './ledger/remove-schedule.ts';
import { applySchedule, listSchedules, type Schedule } from './ledger/schedules.ts';
import { locateRecipe, type RecipeLocation } from './recipe/address.ts';
import { afterCycle, type Follows } from './schedule/after-cycle.ts';
import { nominalInstants } from './schedule/instants.ts';
import { pin, unpinInAllHomes } from './store/roots.ts';

/** What an apply puts into force besides the rules. */
export interface AppliedRecipe {
  readonly file: string;
  readonly recipe: string;
  readonly profile: string;
  readonly set: readonly string[];
}

export interface AppliedNotify extends NotifySettings {
  /** Where the secret of its webhook comes from, on the machine that calls it. */
  readonly secretSource?: SecretSource;
}

export type AppliedSettings = ScheduleSettings & {
  readonly applied: AppliedRecipe;
  readonly notify?: AppliedNotify;
};

/** What somebody needs of the schedules of a project who looks after them. */
export type ScheduleDesk = Pick<Schedules, 'ledger' | 'list' | 'now'> & {
  readonly project: Pick<ProjectHome, 'dir' | 'home'> & { readonly store: Followable };
};

/** The schedules of a project. */
export class Schedules implements AsyncDisposable {
  readonly ledger: Database;
  readonly project: Project;
  readonly #surroundings: Surroundings;

  private constructor(ledger: Database, project: Project, surroundings: Surroundings) {
    this.ledger = ledger;
    this.project = project;
    this.#surroundings = surroundings;
  }

  /** Kept where `ledgerOf` says, and it fails as that does. */
  static async open(project: Project, surroundings: Surroundings): Promise<Schedules> {
    return new Schedules(await ledgerOf(project, surroundings), project, surroundings);
  }

  /**
   * Puts the schedule that a profile says into force, with a snapshot of all that decides what it runs.
   *
   * @throws RecipeError SCHEDULE_MISSING, SCHEDULE_STEP_INVALID, SCHEDULE_CYCLE, SCHEDULE_OUTPUT_INVALID,
   *   NOTIFY_SECRET_NOT_FOUND and what is wrong with the recipe
   */
  async apply(location: RecipeLocation, profile: string, set: readonly string[]): Promise<Schedule> {
    const { project } = this;
    const { world } = this.#surroundings;
    const now = world.clock.now();
    const plan = await project.plan(location, profile, set, now);
    const { schedule } = plan.settings;
    if (schedule === undefined) throw new RecipeError('SCHEDULE_MISSING', { profile });
    const name = `${location.name}@${profile}`;
    const follows =
      schedule.when.kind === 'after'
        ? { name, recipe: location.name, after: schedule.when.recipe }
        : undefined;
    if (schedule.when.kind === 'after' && follows !== undefined) {
      // Once more with the write: now nothing is kept for one that is refused.
      refuseCycle(follows, await this.list());
      await this.#checkFollowed(schedule.when, profile, now);
    }
    stepsNamed(plan, schedule.onlyIfChanged);
    preflight(plan, select(plan, {}), project.dir, world.env);
    const notify = this.#notifyOf(plan);
    const snapshot = await keepSnapshot(plan, await project.filesOf(location, profile, set, now), {
      store: project.store,
      projectDir: project.dir,
    });
    const settings: AppliedSettings = {
      ...schedule,
      applied: { file: location.file, recipe: location.name, profile, set },
      ...(notify === undefined ? {} : { notify }),
    };
    const id = randomUUID();
    return this.ledger.write(async (sql) => {
      const appliedAt = await this.now(sql);
      const one = {
        id,
        projectDir: project.dir,
        name,
        settings,
        snapshot,
        appliedAt,
        appliedBy: project.user,
      };
      return applySchedule(sql, one, async ({ before, others }) => {
        if (follows !== undefined) refuseCycle(follows, others);
        // The earlier one too: it stays in force should this write be lost.
        const needed = [before?.snapshot, snapshot].flatMap((digest) =>
          digest === undefined ? [] : [{ digest: digest as Digest, kind: 'directory' as const }],
        );
        await pin(project.store, project.home, pinOf(before?.id ?? id), needed);
      });
    });
  }

  /**
   * Whether the recipe that is followed gives the value that is named. It may run with any profile: this looks at the
   * one of the schedule, else at none, and says nothing where the recipe has no plan with either.
   */
  async #checkFollowed({ recipe, value }: AfterRule, profile: string, now: number): Promise<void> {
    if (value === undefined) return;
    await using other = new Project(this.project.dir, this.#surroundings);
    const location = locateRecipe(recipe, this.project.dir);
    const planWith = async (profile: string | undefined): Promise<Plan | undefined> =>
      other.plan(location, profile, [], now).catch((error: unknown) => {
        if (error instanceof RecipeError) return undefined;
        throw error;
      });
    const plan = (await planWith(profile)) ?? (await planWith(undefined));
    if (plan === undefined) return;
    const known = plan.steps.flatMap(({ id, outputs }) =>
      Object.entries(outputs).flatMap(([name, { kind }]) => (kind === 'value' ? [`${id}.${name}`] : [])),
    );
    const output = `${value.step}.${value.output}`;
    if (!known.includes(output)) throw new RecipeError('SCHEDULE_OUTPUT_INVALID', { recipe, output, known });
  }

  #notifyOf({ settings: { notify, secrets } }: Plan): AppliedNotify | undefined {
    const name = notify?.webhook?.secret;
    if (notify === undefined || name === undefined) return notify;
    const source = secretSource(secrets, name);
    if (isSecretMissing(source, this.project.dir, this.#surroundings.world.env))
      throw new RecipeError('NOTIFY_SECRET_NOT_FOUND', { secret: name });
    return { ...notify, secretSource: source };
  }

  async list(): Promise<Schedule[]> {
    return this.ledger.read((sql) => listSchedules(sql, this.project.dir));
  }

  /** By the ledger's clock: those of all who look after schedules need not agree. */
  async now(sql: Sql): Promise<number> {
    return ledgerNow(sql, () => this.#surroundings.world.clock.now());
  }

  /** @throws RecipeError SCHEDULE_NOT_FOUND */
  async find(name: string): Promise<Schedule> {
    const all = await this.list();
    const found = all.find((one) => one.name === name) ?? onlyOf(all, name);
    if (found === undefined)
      throw new RecipeError('SCHEDULE_NOT_FOUND', { schedule: name, known: all.map((one) => one.name) });
    return found;
  }

  /**
   * Takes a schedule away, with its ticks. What it ran stays in tracking.
   *
   * @throws RecipeError SCHEDULE_NOT_FOUND, SCHEDULE_RUNNING
   */
  async remove(name: string): Promise<Schedule> {
    const schedule = await this.find(name);
    const going = await this.ledger.write(async (sql) =>
      removeSchedule(sql, schedule.id, await this.now(sql)),
    );
    if (going !== undefined)
      throw new RecipeError('SCHEDULE_RUNNING', { schedule: schedule.name, run: going.run });
    unpinInAllHomes(this.project.store, pinOf(schedule.id));
    return schedule;
  }

  /** The next nominal instants of a schedule. */
  async next({ settings, cursor }: Schedule, count: number): Promise<number[]> {
    const now = await this.ledger.read(async (sql) => this.now(sql));
    const after = Math.max(cursor, now);
    return nominalInstants(settings, after).take(count).toArray();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.ledger[Symbol.asyncDispose]();
  }
}

/** By what name the snapshot of a schedule is kept. */
function pinOf(id: string): string {
  return `schedule-${id}`;
}

/** @throws RecipeError SCHEDULE_CYCLE if runs of the recipe would start runs of it, by way of others' schedules */
function refuseCycle(
  { name, ...next }: Follows & { readonly name: string },
  schedules: readonly Schedule[],
): void {
  const others = schedules.flatMap(({ name: other, settings }) => {
    const { when, applied } = settings as AppliedSettings;
    return other !== name && when.kind === 'after' ? [{ recipe: applied.recipe, after: when.recipe }] : [];
  });
  const path = afterCycle(next, others);
  if (path !== undefined) throw new RecipeError('SCHEDULE_CYCLE', { path });
}

/** A recipe with one schedule needs no profile behind its name. */
function onlyOf(all: readonly Schedule[], recipe: string): Schedule | undefined {
  const own = all.filter(({ name }) => name.startsWith(`${recipe}@`));
  return own.length === 1 ? own[0] : undefined;
}
