import { every } from '../core/every.ts';
import type { Clock } from '../core/world.ts';
import { Outbound, type OutboundAnswer } from '../net/outbound.ts';
import { problemOfCall } from '../net/problem-of-call.ts';
import type { TracingSettings } from './settings.ts';
import { attributesOf, type Span } from './span.ts';

const EVERY_MS = 5000;
/** Spans of one request. */
const MOST_AT_ONCE = 512;
/** Spans that are kept for a collector that is away; the newest are then left out. */
const MOST_KEPT = 4096;
/** A run that is over waits for its last spans so long, at the most. */
const LAST_MS = 2000;
/** What a collector answers that is to be asked again. */
const AGAIN = new Set([429, 502, 503, 504]);

export interface SpanSenderOptions {
  readonly settings: TracingSettings;
  readonly version: string;
  readonly clock: Clock;
  /** Told once of spans that could not be sent; nothing else comes of it. */
  readonly onWarning: (message: string) => void;
}

/** Sends spans to a collector, some of them together. `add` never waits, and nothing here fails. */
export class SpanSender implements AsyncDisposable {
  readonly #options: SpanSenderOptions;
  readonly #outbound: Outbound;
  readonly #ticks: AsyncDisposable;
  readonly #late = new AbortController();
  #waiting: Span[] = [];
  #hasWarned = false;

  constructor(options: SpanSenderOptions) {
    this.#options = options;
    // Whoever runs the recipe names the collector: it may be on this machine.
    this.#outbound = new Outbound([new URL(options.settings.url).hostname]);
    this.#ticks = every(options.clock, EVERY_MS, () => this.#send());
  }

  add(span: Span): void {
    if (this.#waiting.length < MOST_KEPT) this.#waiting.push(span);
    else this.#warn(`more than ${MOST_KEPT} spans waited for it.`);
  }

  /** Sends what is left, if that does not take long. */
  async [Symbol.asyncDispose](): Promise<void> {
    const done = new AbortController();
    const limit = this.#options.clock.sleep(LAST_MS, done.signal).then(
      () => this.#late.abort(new Error(`It did not take them within ${LAST_MS / 1000} s.`)),
      () => {},
    );
    await this.#ticks[Symbol.asyncDispose]();
    await this.#send();
    done.abort();
    await limit;
  }

  async #send(): Promise<void> {
    while (this.#waiting.length > 0) {
      const spans = this.#waiting.slice(0, MOST_AT_ONCE);
      try {
        const { status, body } = await this.#post(spans);
        if (AGAIN.has(status)) {
          this.#warn(`it answered ${status}.`);
          return;
        }
        if (status < 200 || status > 299) this.#warn(`it answered ${status}.`);
        else if (/"rejectedSpans":\s*"?[1-9]/.test(body)) this.#warn('it did not take all of them.');
      } catch (error) {
        this.#warn(problemOfCall(this.#late.signal.aborted ? this.#late.signal.reason : error));
        return;
      }
      this.#waiting = this.#waiting.slice(spans.length);
    }
  }

  async #post(spans: readonly Span[]): Promise<OutboundAnswer> {
    const { settings, version } = this.#options;
    const { url, headers, timeoutMs, resource } = settings;
    return this.#outbound.post({
      url,
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({
        resourceSpans: [
          {
            resource: { attributes: attributesOf(resource) },
            scopeSpans: [{ scope: { name: 'stockpot', version }, spans }],
          },
        ],
      }),
      timeoutMs,
      signal: this.#late.signal,
    });
  }

  #warn(problem: string): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const { origin, pathname } = new URL(this.#options.settings.url);
    // What comes after the path may be a token.
    this.#options.onWarning(`spans could not be sent to ${origin}${pathname}: ${problem}`);
  }
}
