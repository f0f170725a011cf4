import { type Declaration, JSON_OPTION, PROFILE } from './declaration.ts';

/** `recipe schedules …`: runs by the clock. */
export const SCHEDULES_COMMANDS: readonly Declaration[] = [
  {
    name: 'schedules apply',
    summary: "put a profile's schedule into force, with the recipe as it is now",
    args: ['[RECIPE]'],
    options: [
      PROFILE,
      { long: '--set', short: '-S', value: 'PATH=VALUE', many: true, help: 'as in `recipe run`' },
      JSON_OPTION,
    ],
    examples: [
      [
        'recipe schedules apply flight-delay -p prod',
        'ticks run what the recipe and its code are now, until the next apply',
      ],
    ],
    load: () => import('./schedules-apply.ts'),
  },
  {
    name: 'schedules list',
    summary: 'list schedules, or the newest ticks of one',
    args: ['[SCHEDULE]'],
    options: [JSON_OPTION],
    examples: [
      ['recipe schedules list', 'each with its next and its last tick'],
      ['recipe schedules list flight-delay@prod', 'its last 20 ticks, and what became of them'],
    ],
    load: () => import('./schedules-list.ts'),
  },
  {
    name: 'schedules next',
    summary: 'say when a schedule ticks next',
    args: ['SCHEDULE'],
    options: [
      { long: '--number', short: '-n', value: 'N', help: 'how many ticks (default: 5)' },
      JSON_OPTION,
    ],
    examples: [['recipe schedules next flight-delay@prod -n 10', 'by the clock of its zone, and in UTC']],
    load: () => import('./schedules-next.ts'),
  },
  {
    name: 'schedules pause',
    summary: 'start no more ticks of a schedule',
    args: ['SCHEDULE'],
    options: [],
    examples: [['recipe schedules pause flight-delay@prod', 'a run that goes on is not stopped']],
    load: () => import('./schedules-pause.ts'),
  },
  {
    name: 'schedules resume',
    summary: 'let a paused schedule go on',
    args: ['SCHEDULE'],
    options: [],
    examples: [['recipe schedules resume flight-delay@prod', 'ticks that fell into the pause are not run']],
    load: () => import('./schedules-resume.ts'),
  },
  {
    name: 'schedules remove',
    summary: 'take a schedule away, with the list of its ticks',
    args: ['SCHEDULE'],
    options: [],
    examples: [
      [
        'recipe schedules remove flight-delay@prod',
        'whatever its profile says, until the next apply; its runs stay in tracking',
      ],
    ],
    load: () => import('./schedules-remove.ts'),
  },
  {
    name: 'schedules run',
    summary: 'run what a schedule runs, now',
    args: ['SCHEDULE'],
    options: [JSON_OPTION],
    examples: [
      ['recipe schedules run flight-delay@prod', 'even if it is paused, or its data has not changed'],
    ],
    load: () => import('./schedules-run.ts'),
  },
  {
    name: 'schedules backfill',
    summary: 'run the ticks between two instants that were not run',
    args: ['SCHEDULE'],
    options: [
      {
        long: '--from',
        value: 'INSTANT',
        help: 'the first, as in 2027-01-01T00:00:00Z, or a date in the zone of the schedule',
      },
      { long: '--to', value: 'INSTANT', help: 'the last; what is not due yet is left to its time' },
      { long: '--force', short: '-f', help: 'run those again that have a tick' },
      JSON_OPTION,
    ],
    examples: [
      [
        'recipe schedules backfill daily@prod --from 2027-01-01 --to 2027-01-31',
        'what of January has no tick and is past, oldest first, each with its own tick.at',
      ],
    ],
    load: () => import('./schedules-backfill.ts'),
  },
  {
    name: 'schedules serve',
    summary: "run the ticks of the project's schedules as they fall due",
    args: [],
    options: [{ long: '--once', help: 'run what is due now, and end: for a cron of your own' }, JSON_OPTION],
    examples: [
      ['recipe schedules serve', 'until Ctrl-C; any number may run at once, and a tick has one run'],
    ],
    load: () => import('./schedules-serve.ts'),
  },
];
