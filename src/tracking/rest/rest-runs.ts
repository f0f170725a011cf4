import type { Json } from '../../core/json.ts';
import type { Run, ViewType } from '../mlflow/messages.ts';
import { list, object, runOfJson, text } from './message-of.ts';
import { quoted } from './quoted.ts';
import { type RestClient, refusalOf } from './rest-client.ts';
import { TAGS } from './rest-tags.ts';

/** Runs in one answer of a search. */
const PAGE = 500;

export interface ServerSearch {
  readonly experiments: readonly string[];
  readonly filter?: string | undefined;
  readonly orderBy?: readonly string[];
  readonly view?: ViewType;
  readonly maxResults: number;
  readonly pageToken?: string | undefined;
}

/** Experiments and runs of a server, found by the ids that their writers chose. */
export class RestRuns {
  readonly #client: RestClient;
  readonly #experiments = new Map<string, string>();
  readonly #names = new Map<string, string>();

  constructor(client: RestClient) {
    this.#client = client;
  }

  /** The id of an experiment, made if it is not there. */
  async experiment(name: string): Promise<string> {
    const known = this.#experiments.get(name) ?? (await this.#find(name)) ?? (await this.#create(name));
    this.#experiments.set(name, known);
    return known;
  }

  async nameOf(experiment: string): Promise<string> {
    let name = this.#names.get(experiment);
    if (name === undefined) {
      const answer = await this.#client.get('experiments/get', { experiment_id: experiment });
      name = text(object(answer['experiment'])['name']);
      this.#names.set(experiment, name);
    }
    return name;
  }

  /** Ids of all experiments, deleted ones too. */
  async all(): Promise<string[]> {
    const ids: string[] = [];
    let token = '';
    do {
      const answer = await this.#client.send('POST', 'experiments/search', {
        max_results: 1000,
        view_type: 'ALL',
        ...(token === '' ? {} : { page_token: token }),
      });
      for (const experiment of list(answer['experiments'])) {
        const id = text(experiment['experiment_id']);
        this.#names.set(id, text(experiment['name']));
        ids.push(id);
      }
      token = text(answer['next_page_token']);
    } while (token !== '');
    return ids;
  }

  /** One page of the server's own. */
  async search({
    experiments,
    filter = '',
    orderBy = [],
    view = 'ACTIVE_ONLY',
    maxResults,
    pageToken,
  }: ServerSearch): Promise<{ runs: Run[]; next: string | undefined }> {
    const request: { [key: string]: Json } = {
      experiment_ids: [...experiments],
      filter,
      order_by: [...orderBy],
      run_view_type: view,
      max_results: maxResults,
    };
    if (pageToken !== undefined) request['page_token'] = pageToken;
    const answer = await this.#client.send('POST', 'runs/search', request);
    const next = text(answer['next_page_token']);
    const runs = list(answer['runs']).map(runOfJson);
    return { runs, next: next === '' || runs.length === 0 ? undefined : next };
  }

  /** All runs that a search finds. */
  async searchAll(search: Omit<ServerSearch, 'maxResults' | 'pageToken'>): Promise<Run[]> {
    const found: Run[] = [];
    let pageToken: string | undefined;
    do {
      const page = await this.search({ ...search, maxResults: PAGE, pageToken });
      found.push(...page.runs);
      pageToken = page.next;
    } while (pageToken !== undefined);
    return found;
  }

  /** The run of an id that its writer chose, in one experiment or in any. */
  async byId(id: string, experiment?: string): Promise<Run | undefined> {
    const value = quoted(id);
    if (value === undefined) return undefined;
    const runs = await this.searchAll({
      experiments: experiment === undefined ? await this.all() : [experiment],
      filter: `tags.\`${TAGS.id}\` = ${value}`,
      view: 'ALL',
    });
    return winnerOf(runs);
  }

  /** Runs of the steps of a run, by the server's id of that. */
  async children(parent: Run, view: ViewType = 'ALL'): Promise<Run[]> {
    return this.searchAll({
      experiments: [parent.info.experiment_id],
      filter: `tags.\`mlflow.parentRunId\` = '${parent.info.run_id}'`,
      view,
    });
  }

  /** A run by the server's own id. */
  async get(run: string): Promise<Run | undefined> {
    try {
      return runOfJson((await this.#client.get('runs/get', { run_id: run }))['run']);
    } catch (error) {
      const code = refusalOf(error)?.code;
      if (code === 'RESOURCE_DOES_NOT_EXIST' || code === 'INVALID_PARAMETER_VALUE') return undefined;
      throw error;
    }
  }

  async #find(name: string): Promise<string | undefined> {
    try {
      const answer = await this.#client.get('experiments/get-by-name', { experiment_name: name });
      return text(object(answer['experiment'])['experiment_id']);
    } catch (error) {
      if (refusalOf(error)?.code === 'RESOURCE_DOES_NOT_EXIST') return undefined;
      throw error;
    }
  }

  async #create(name: string): Promise<string> {
    try {
      return text((await this.#client.send('POST', 'experiments/create', { name }))['experiment_id']);
    } catch (error) {
      // Somebody else made it meanwhile.
      const found = refusalOf(error)?.code === 'RESOURCE_ALREADY_EXISTS' ? await this.#find(name) : undefined;
      if (found === undefined) throw error;
      return found;
    }
  }
}

/** Of runs with the same id the one that stays: not tagged as a duplicate, and the first by the server's id. */
export function winnerOf(runs: readonly Run[]): Run | undefined {
  return runs
    .filter(({ data }) => !data.tags.some(({ key }) => key === TAGS.duplicateOf))
    .toSorted((a, b) => (a.info.run_id < b.info.run_id ? -1 : 1))[0];
}

/** The id that the writer of a run chose; of a run that others wrote, the server's. */
export function idOf({ info, data }: Run): string {
  return data.tags.find(({ key }) => key === TAGS.id)?.value ?? info.run_id;
}
