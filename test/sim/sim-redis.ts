import { type MessageState, RedisAway } from '../../src/executors/fleet/flight-link.ts';
import type { LiveEntry } from '../../src/executors/fleet/live.ts';
import { LOCK_MS, type TaskMessage } from '../../src/executors/fleet/names.ts';
import type { WorkerState } from '../../src/executors/fleet/presence.ts';
import type { Service } from './network.ts';
import type { SimProcess } from './sim-process.ts';

interface Message {
  readonly id: string;
  readonly queue: string;
  readonly data: TaskMessage;
  readonly nth: number;
  turn: number;
  /** Waits from then on. */
  notBefore: number;
  /** Of who has it. */
  lock: { readonly token: object; until: number } | undefined;
}

/** A message that a worker has taken. */
export interface Taken {
  readonly data: TaskMessage;
  readonly id: string;
  readonly token: object;
}

/** What has not been said again for so long holds no longer. */
const REGISTER_MS = 15_000;
const HERE_MS = 60_000;

interface Client {
  readonly process: SimProcess;
  readonly onReady: () => void;
  readonly onCancelled: (nonce: string) => void;
}

/**
 * What Redis and BullMQ hold, by Redis's own clock: messages, locks on them, keys that lapse, streams, registers. It
 * may lose all of it, or some messages, and give one twice.
 */
export class SimRedis {
  readonly service: Service;
  readonly #messages = new Map<string, Message>();
  readonly #running = new Map<string, { readonly worker: string; readonly until: number }>();
  readonly #waiters = new Map<string, Map<string, number>>();
  /** Until when a run counts as one that goes on. */
  readonly #here = new Map<string, number>();
  readonly #streams = new Map<string, LiveEntry[]>();
  readonly #workers = new Map<string, { readonly state: WorkerState; readonly until: number }>();
  readonly #followers = new Map<string, Set<() => void>>();
  readonly #clients = new Set<Client>();
  readonly #connected = new Set<SimProcess>();
  readonly #idle = new Set<() => void>();
  #messagesEver = 0;
  #upSince = -LOCK_MS;

  constructor(service: Service) {
    this.service = service;
    service.onAway = () => this.#connected.clear();
    service.onBack = () => {
      for (const { process } of this.#clients) this.reconnect(process);
    };
  }

  get #now(): number {
    return this.service.timeline.now;
  }

  get upMs(): number {
    return this.#now - this.#upSince;
  }

  get messages(): readonly string[] {
    return [...this.#messages.keys()];
  }

  /** A process that hears when it is connected anew, and when nobody waits for a flight any more. */
  join(client: Client): void {
    this.#clients.add(client);
    if (this.service.isReachedBy(client.process)) this.#connected.add(client.process);
  }

  disconnect(process: SimProcess): void {
    this.#connected.delete(process);
  }

  /** Each client tries again within two seconds. */
  reconnect(process: SimProcess): void {
    for (const client of this.#clients)
      if (client.process === process)
        process.after(this.service.timeline.random.below(2000), () => {
          if (!this.service.isReachedBy(process) || this.#connected.has(process)) return;
          this.#connected.add(process);
          client.onReady();
        });
  }

  isConnected(process: SimProcess): boolean {
    return this.#connected.has(process) && this.service.isReachedBy(process);
  }

  /** @throws RedisAway */
  async ask<T>(process: SimProcess, work: () => T): Promise<T> {
    const lost = (): Error => new RedisAway('Redis does not answer');
    if (this.isConnected(process)) return this.service.ask(process, work, lost);
    return process.answer(this.service.timeline.random.below(10), () => {
      throw lost();
    });
  }

  /** Under its clients, which hear nothing of that. */
  empty(): void {
    this.service.timeline.note('Redis', 'forgets everything');
    this.#messages.clear();
    this.#running.clear();
    this.#waiters.clear();
    this.#here.clear();
    this.#streams.clear();
    this.#workers.clear();
  }

  /** It comes up with nothing. */
  restart(awayMs: number): void {
    this.empty();
    this.#upSince = this.#now + awayMs;
    this.service.goAway(awayMs);
  }

  loseMessage(nth: number): void {
    const id = this.#nth(nth);
    if (id !== undefined) this.#messages.delete(id);
  }

  /** Whoever has it does not hear of that. */
  giveTwice(nth: number): void {
    const message = this.#messages.get(this.#nth(nth) ?? '');
    if (message !== undefined) message.lock = undefined;
    this.#wake();
  }

  #nth(nth: number): string | undefined {
    const ids = this.messages;
    return ids[nth % ids.length];
  }

  add(queue: string, id: string, data: TaskMessage, turn: number): string {
    const there = this.#messages.get(id);
    if (there !== undefined) {
      there.turn = Math.min(there.turn, turn);
      return there.data.nonce;
    }
    this.#messagesEver += 1;
    this.#messages.set(id, {
      id,
      queue,
      data,
      nth: this.#messagesEver,
      turn,
      notBefore: 0,
      lock: undefined,
    });
    this.#wake();
    return data.nonce;
  }

  stateOf(id: string): MessageState {
    const running = this.#running.get(id);
    if (running !== undefined && running.until > this.#now) return 'running';
    const message = this.#messages.get(id);
    if (message === undefined) return 'absent';
    return message.lock === undefined ? 'queued' : 'taken';
  }

  /** Of those that wait the first. */
  take(queues: readonly string[]): Taken | undefined {
    let first: Message | undefined;
    for (const one of this.#messages.values())
      if (one.lock === undefined && one.notBefore <= this.#now && queues.includes(one.queue))
        if (first === undefined || one.turn < first.turn || (one.turn === first.turn && one.nth < first.nth))
          first = one;
    if (first === undefined) return undefined;
    const token = {};
    first.lock = { token, until: this.#now + LOCK_MS };
    return { data: first.data, id: first.id, token };
  }

  renew({ id, token }: Taken): void {
    const lock = this.#messages.get(id)?.lock;
    if (lock?.token === token) lock.until = this.#now + LOCK_MS;
  }

  forget({ id, token }: Taken): void {
    if (this.#messages.get(id)?.lock?.token === token) this.#messages.delete(id);
  }

  putBack({ id, token }: Taken, afterMs: number): void {
    const message = this.#messages.get(id);
    if (message?.lock?.token !== token) return;
    message.lock = undefined;
    message.notBefore = this.#now + afterMs;
    this.service.timeline.after(afterMs, () => this.#wake());
  }

  /** What nobody renews is given to another. */
  moveStalled(): void {
    for (const message of this.#messages.values())
      if (message.lock !== undefined && message.lock.until <= this.#now) {
        message.lock = undefined;
        this.#wake();
      }
  }

  /** Takes a message back that no worker has. */
  remove(id: string): void {
    if (this.#messages.get(id)?.lock === undefined) this.#messages.delete(id);
  }

  claim(job: string, worker: string): boolean {
    const there = this.#running.get(job);
    if (there !== undefined && there.until > this.#now) return false;
    this.say(job, worker);
    return true;
  }

  say(job: string, worker: string): void {
    this.#running.set(job, { worker, until: this.#now + LOCK_MS });
  }

  release(job: string, worker: string): void {
    if (this.#running.get(job)?.worker === worker) this.#running.delete(job);
  }

  wait(nonce: string, run: string, now: number, isRunning: boolean): number {
    const waiters = this.#waiters.get(nonce) ?? new Map<string, number>();
    this.#waiters.set(nonce, waiters);
    this.#here.set(run, this.#now + HERE_MS);
    if (isRunning || !waiters.has(run)) waiters.set(run, now);
    return waiters.get(run) ?? now;
  }

  /** Gives whether nobody waits for it any more that was heard of lately. */
  leave(nonce: string, run: string): boolean {
    const waiters = this.#waiters.get(nonce);
    waiters?.delete(run);
    for (const other of waiters?.keys() ?? [])
      if ((this.#here.get(other) ?? 0) <= this.#now) waiters?.delete(other);
    return (waiters?.size ?? 0) === 0;
  }

  cancel(nonce: string): void {
    for (const { process, onCancelled } of this.#clients)
      if (this.isConnected(process)) process.after(5, () => onCancelled(nonce));
  }

  push(nonce: string, entries: readonly LiveEntry[]): void {
    const stream = this.#streams.get(nonce) ?? [];
    this.#streams.set(nonce, stream);
    stream.push(...entries);
    for (const tell of this.#followers.get(nonce) ?? []) tell();
  }

  /** All that was and is said of a flight, as far as a process hears it. */
  follow(
    process: SimProcess,
    nonce: string,
    onEntry: (entry: LiveEntry) => void,
  ): { readonly stop: () => void } {
    let [stream, heard, isOver] = [this.#streams.get(nonce), 0, false];
    const take = (): void => {
      if (isOver) return;
      // The connection comes back by itself, and with it all that was said.
      if (!this.isConnected(process)) return process.after(1000, take);
      const now = this.#streams.get(nonce);
      // Another stream after Redis had lost that one.
      if (now !== stream) [stream, heard] = [now, 0];
      const fresh = stream?.slice(heard) ?? [];
      heard += fresh.length;
      for (const entry of fresh) onEntry(entry);
    };
    const tell = (): void => process.after(1 + this.service.timeline.random.below(20), take);
    const followers = this.#followers.get(nonce) ?? new Set();
    this.#followers.set(nonce, followers.add(tell));
    tell();
    return {
      stop: () => {
        isOver = true;
        followers.delete(tell);
      },
    };
  }

  register(state: WorkerState): void {
    this.#workers.set(state.id, { state, until: this.#now + REGISTER_MS });
  }

  get workers(): readonly WorkerState[] {
    return [...this.#workers.values()].flatMap(({ state, until }) => (until > this.#now ? [state] : []));
  }

  /** Resolves when there may be something to take. */
  whenWork(process: SimProcess): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#idle.add(() => process.after(this.service.timeline.random.below(10), resolve));
    return promise;
  }

  #wake(): void {
    const idle = [...this.#idle];
    this.#idle.clear();
    for (const wake of idle) wake();
  }
}
