import { randomInt } from 'node:crypto';
import { resolve } from 'node:path';
import type { Surroundings } from './compose-home.ts';
import type { AppliedNotify, AppliedSettings, ScheduleDesk } from './compose-schedules.ts';
import { failpoint } from './core/failpoint.ts';
import { RecipeError } from './core/recipe-error.ts';
import { cleanEnvironment } from './engine/attempt-environment.ts';
import { readSecret } from './engine/secrets.ts';
import { feedProgram } from './executors/local/feed-program.ts';
import {
  claimNotification,
  isNotificationDue,
  type Notification,
  settleNotification,
} from './ledger/notifications.ts';
import { Outbound } from './net/outbound.ts';
import { problemOfCall } from './net/problem-of-call.ts';
import { signedCall } from './net/signed-call.ts';
import { nextAttempt } from './schedule/resend.ts';

const COMMAND_TIMEOUT_MS = 60_000;
/** Longer than a call or a command may take. */
const LEASE_MS = 90_000;
const MAX_AT_ONCE = 8;

/** Tells what is to be told of a project's schedules, at least once each. Several schedulers share the work. */
export class Notifier {
  readonly #schedules: ScheduleDesk;
  readonly #surroundings: Surroundings;
  readonly #onWarning: (message: string) => void;
  readonly #underWay = new Set<Promise<void>>();
  readonly #stop = new AbortController();

  constructor(schedules: ScheduleDesk, surroundings: Surroundings, onWarning: (message: string) => void) {
    this.#schedules = schedules;
    this.#surroundings = surroundings;
    this.#onWarning = onWarning;
  }

  /** Starts to send what is due, and does not wait for it. */
  async look(): Promise<void> {
    const { ledger, project } = this.#schedules;
    await this.#guarded(async () => {
      const isDue = await ledger.read(async (sql) =>
        isNotificationDue(sql, project.dir, await this.#schedules.now(sql)),
      );
      if (!isDue) return;
      while (this.#underWay.size < MAX_AT_ONCE && !this.#stop.signal.aborted) {
        const claimed = await ledger.write(async (sql) =>
          claimNotification(sql, {
            projectDir: project.dir,
            now: await this.#schedules.now(sql),
            leaseMs: LEASE_MS,
          }),
        );
        if (claimed === undefined) return;
        const done = this.#guarded(() => this.#send(claimed)).finally(() => this.#underWay.delete(done));
        this.#underWay.add(done);
      }
    });
  }

  /** Sends what is due, and waits until it is known what became of it. */
  async drain(): Promise<void> {
    do {
      await this.look();
      await Promise.all(this.#underWay);
    } while (this.#underWay.size > 0);
  }

  /** What is under way is broken off, and due at once for the next scheduler. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#underWay);
  }

  async #send(claimed: Notification): Promise<void> {
    const { ledger } = this.#schedules;
    const found = (await this.#schedules.list()).find(({ id }) => id === claimed.schedule);
    const notify = (found?.settings as AppliedSettings | undefined)?.notify;
    failpoint('notification.before-send');
    const problem = await this.#attempt(claimed, notify);
    failpoint('notification.after-send');
    if (problem === undefined)
      return ledger.write((sql) => settleNotification(sql, claimed, { kind: 'sent' }));
    const random = randomInt(2 ** 32) / 2 ** 32;
    const due = await ledger.write(async (sql) => {
      const now = await this.#schedules.now(sql);
      const due = this.#stop.signal.aborted ? now : nextAttempt({ ...claimed, now, random });
      const end = due === undefined ? { kind: 'given-up' as const } : { kind: 'again' as const, due };
      await settleNotification(sql, claimed, { ...end, problem });
      return due;
    });
    const what = `the ${claimed.channel} of ${found?.name ?? 'a schedule'} was not told of ${claimed.event}`;
    if (!this.#stop.signal.aborted)
      this.#onWarning(`${what}${due === undefined ? ', and is told no more' : ''}: ${problem}`);
  }

  /** What went wrong, in a sentence. */
  async #attempt(claimed: Notification, notify: AppliedNotify | undefined): Promise<string | undefined> {
    try {
      if (claimed.channel === 'webhook' && notify?.webhook !== undefined)
        return await this.#call(claimed, notify.webhook.url, await this.#secretOf(notify));
      if (claimed.channel === 'command' && notify?.command !== undefined)
        return await this.#feed(claimed, notify.command);
      return `The schedule as it was applied last has no ${claimed.channel}.`;
    } catch (failed) {
      return problemOfCall(failed);
    }
  }

  async #call({ id, message }: Notification, url: string, secret: string): Promise<string | undefined> {
    // Whoever applies a schedule runs code here: an address of this machine is no more than that.
    const outbound = new Outbound([new URL(url).host]);
    const at = this.#surroundings.world.clock.now();
    const call = signedCall({ as: 'stockpot', url, secret, id, payload: message, at });
    const { status } = await outbound.post({ ...call, signal: this.#stop.signal });
    return status >= 200 && status < 300 ? undefined : `It was answered ${status}.`;
  }

  async #feed({ message }: Notification, argv: readonly string[]): Promise<string | undefined> {
    const { env } = this.#surroundings.world;
    return feedProgram({
      argv,
      cwd: this.#schedules.project.dir,
      env: { ...cleanEnvironment(env), HOME: env['HOME'] ?? '' },
      input: `${message}\n`,
      timeoutMs: COMMAND_TIMEOUT_MS,
      signal: this.#stop.signal,
    });
  }

  /** Empty: nothing is signed. */
  async #secretOf({ webhook, secretSource: source }: AppliedNotify): Promise<string> {
    if (webhook?.secret === undefined || source === undefined) return '';
    const absolute = 'file' in source ? { file: resolve(this.#schedules.project.dir, source.file) } : source;
    let value: string | undefined;
    try {
      value = await readSecret(absolute, this.#surroundings.world.env);
    } catch (cause) {
      // What a command of others says when it fails may hold anything.
      throw new Error(`The secret ${webhook.secret} could not be read.`, { cause });
    }
    // Never unsigned: a receiver that checks would take it for a forgery.
    if (value === undefined || value === '') throw new Error(`The secret ${webhook.secret} has no value.`);
    return value;
  }

  /** Goes on where the ledger is away for a while: what was claimed is due again when its lease ends. */
  async #guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const what = error instanceof RecipeError ? `${error.code}: ${error.message}` : String(error);
      this.#onWarning(`notifications could not be looked after: ${what}`);
    }
  }
}
