import { credentialsFor } from '../../client/credentials-for.ts';
import type { Json } from '../../core/json.ts';
import { RecipeError } from '../../core/recipe-error.ts';
import type { World } from '../../core/world.ts';
import type {
  EventCursor,
  OfferedRun,
  Submission,
  SubmissionDesk,
  SubmissionEvent,
} from '../../engine/submission-port.ts';
import { RestClient, refusalOf } from './rest-client.ts';

const PATH = 'stockpot/submissions';

/** Submitted runs, as a `recipe server` that has the ledger tells of them to whoever submitted them. */
export class ServedDesk implements SubmissionDesk {
  readonly #client: RestClient;

  private constructor(client: RestClient) {
    this.#client = client;
  }

  /** @throws RecipeError ADDRESS_INVALID */
  static at(url: string, { env, clock }: Pick<World, 'env' | 'clock'>): ServedDesk {
    if (!/^https?:\/\//.test(url) || !URL.canParse(url))
      throw new RecipeError('ADDRESS_INVALID', {
        name: 'STOCKPOT_SERVER_URL',
        rule: 'is no address that begins with http:// or https://',
      });
    const authorization = credentialsFor(new URL(url), env);
    return new ServedDesk(
      new RestClient({ url: url.replace(/\/+$/, ''), authorization, now: () => clock.now() }),
    );
  }

  async accept(one: OfferedRun): Promise<Submission> {
    const body = JSON.parse(JSON.stringify(one)) as Json;
    return submissionOf(await this.#asking(async () => this.#client.send('POST', PATH, body)));
  }

  async search(start: string | undefined): Promise<readonly Submission[]> {
    const query: Record<string, string> = start === undefined ? {} : { start };
    const { submissions } = await this.#asking(async () => this.#client.get(PATH, query));
    return submissions as unknown as readonly Submission[];
  }

  async read(id: string): Promise<Submission | undefined> {
    try {
      return submissionOf(await this.#client.get(`${PATH}/${encodeURIComponent(id)}`, {}));
    } catch (error) {
      if (refusalOf(error)?.code === 'RESOURCE_DOES_NOT_EXIST') return undefined;
      throw error;
    }
  }

  async cancel(id: string): Promise<'cancelled' | 'told' | undefined> {
    const { outcome } = await this.#client.send('POST', `${PATH}/${encodeURIComponent(id)}/cancel`, {});
    return outcome === 'cancelled' || outcome === 'told' ? outcome : undefined;
  }

  async events(id: string, { epoch, seq }: EventCursor, limit: number): Promise<readonly SubmissionEvent[]> {
    const query = { epoch: String(epoch), seq: String(seq), limit: String(limit) };
    const { events } = await this.#client.get(`${PATH}/${encodeURIComponent(id)}/events`, query);
    return events as unknown as readonly SubmissionEvent[];
  }

  /** A server that takes no runs has no such place. */
  async #asking<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (refusalOf(error)?.code !== 'ENDPOINT_NOT_FOUND') throw error;
      throw new RecipeError('SERVER_TAKES_NO_RUNS', { server: this.#client.url }, { cause: error });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

function submissionOf({ submission }: Readonly<Record<string, unknown>>): Submission {
  return submission as Submission;
}
