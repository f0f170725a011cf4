import type { Digest } from '../../src/core/ids.ts';
import type { AfterRule, ScheduleSettings } from '../../src/core/schedule-rules.ts';
import type { Row } from '../../src/db/sql.ts';
import type { SimLedger } from './sim-ledger.ts';
import type { SubmissionWork } from './submission-work.ts';

/** Looks at all ends of submitted runs, when there come no more, for what follows each. */
export class FollowCheck {
  readonly #ledger: SimLedger;
  readonly #work: SubmissionWork;
  /** Of what schedules wait for that wait for one value. */
  readonly #wanted: Digest | undefined;

  constructor(ledger: SimLedger, work: SubmissionWork, wanted: Digest | undefined) {
    this.#ledger = ledger;
    this.#work = work;
    this.#wanted = wanted;
  }

  /** Each end that a schedule follows has one tick, and nothing else has any. */
  wrong(): string[] {
    return this.#ledger.rows('SELECT * FROM schedules').flatMap((schedule) => {
      const id = String(schedule['schedule_id']);
      const ticks = this.#ledger.rows(
        `SELECT after_run, nominal_at FROM ticks WHERE schedule_id = '${id}' ORDER BY nominal_at, number`,
      );
      const found = ticks.map((row) => String(row['after_run'])).toSorted();
      const expected = this.#followed(schedule).toSorted();
      return JSON.stringify(found) === JSON.stringify(expected)
        ? []
        : [`C1 ${id} has ticks of ${found.join(', ')}, and is to have those of ${expected.join(', ')}`];
    });
  }

  #followed({ settings, cursor_at }: Row): string[] {
    const { when } = JSON.parse(String(settings)) as ScheduleSettings & { readonly when: AfterRule };
    const ends = this.#ledger
      .rows(`SELECT * FROM submissions WHERE state = 'succeeded' ORDER BY ended_at, run_id`)
      .filter((row) => Number(row['ended_at']) > Number(cursor_at))
      .map((row) => ({ run: String(row['run_id']), plan: this.#work.planOf(String(row['submission_id'])) }))
      .filter(({ plan }) => plan.recipe === when.recipe && !plan.isPart);
    if (when.value === undefined) return ends.map(({ run }) => run);
    const given = ends.filter(({ plan }) => plan.value !== undefined);
    const { equals } = when.value;
    const kept =
      equals === undefined
        ? given.filter(({ plan }, index) => index === 0 || plan.value !== given[index - 1]?.plan.value)
        : given.filter(({ plan }) => plan.value === this.#wanted);
    return kept.map(({ run }) => run);
  }
}
