import { failpoint } from '../../core/failpoint.ts';
import type { Fingerprint } from '../../core/ids.ts';
import { RecipeError } from '../../core/recipe-error.ts';
import type {
  MetricWrite,
  RunPage,
  RunSearch,
  TrackedKeys,
  TrackedRun,
  TrackedRunDetails,
  Tracking,
  TrackingBatch,
} from '../../engine/tracking-port.ts';
import { parseFilter, parseOrder } from '../filter.ts';
import { checkExperiment, checkRunWrite } from '../limits.ts';
import type { Run, ViewType } from '../mlflow/messages.ts';
import { datasetsOf, trackedRunOf } from '../tracked-run.ts';
import type { ArtifactFiles } from './artifact-files.ts';
import { list, text } from './message-of.ts';
import { quoted } from './quoted.ts';
import { type RestClient, refusalOf } from './rest-client.ts';
import { idOf, RestRuns, winnerOf } from './rest-runs.ts';
import { artifactsOfTags, isInternal, TAGS } from './rest-tags.ts';
import { RestWriter } from './rest-writer.ts';
import { pageStart, pageTokenOf } from './server-page.ts';

/** Fingerprints in one question. */
const AT_ONCE = 100;
const MAX_PAGE = 1000;
const VIEWS: Readonly<Record<NonNullable<RunSearch['lifecycle']>, ViewType>> = {
  active: 'ACTIVE_ONLY',
  deleted: 'DELETED_ONLY',
  all: 'ALL',
};

/** Tracked runs on a server that speaks MLflow's REST API: `recipe server`, MLflow's own, or another. */
export class RestTracking implements Tracking {
  readonly #client: RestClient;
  readonly #runs: RestRuns;
  readonly #writer: RestWriter;
  /** Whether the server's filters have lists of texts, which MLflow 2 has not. */
  #hasLists = true;
  #writing: Promise<void> = Promise.resolve();

  constructor(client: RestClient, files: ArtifactFiles) {
    this.#client = client;
    this.#runs = new RestRuns(client);
    this.#writer = new RestWriter(client, this.#runs, files);
  }

  async write(batch: TrackingBatch): Promise<void> {
    checkExperiment(batch.experiment);
    for (const run of batch.runs) checkRunWrite(run);
    failpoint('tracking.before-write');
    // One after the other: two at once would each look for a run, and each make it.
    const written = this.#writing.then(() => this.#write(batch));
    this.#writing = written.catch(() => undefined);
    await written;
    failpoint('tracking.after-commit');
  }

  async #write(batch: TrackingBatch): Promise<void> {
    try {
      await this.#writer.write(batch);
    } catch (error) {
      // What was half written is looked at again before the next try.
      for (const { id } of batch.runs) this.#writer.forget(id);
      throw error;
    }
  }

  async cursor(run: string): Promise<number> {
    const found = await this.#runs.byId(run);
    return Number(found?.data.tags.find(({ key }) => key === TAGS.cursor)?.value ?? 0);
  }

  async unseen(fingerprints: readonly Fingerprint[]): Promise<ReadonlySet<Fingerprint>> {
    const unseen = new Set(fingerprints);
    if (unseen.size === 0) return unseen;
    const experiments = await this.#runs.all();
    for (let from = 0; from < fingerprints.length; from += AT_ONCE) {
      const part = fingerprints.slice(from, from + AT_ONCE);
      for (const { data } of await this.#showing(part, experiments))
        for (const { key, value } of data.tags) if (key === TAGS.result) unseen.delete(value as Fingerprint);
    }
    return unseen;
  }

  /** Runs that are the first to show one of these results. */
  async #showing(fingerprints: readonly Fingerprint[], experiments: readonly string[]): Promise<Run[]> {
    const key = `tags.\`${TAGS.result}\``;
    if (this.#hasLists)
      try {
        const filter = `${key} IN (${fingerprints.map((one) => `'${one}'`).join(', ')})`;
        return await this.#runs.searchAll({ experiments, filter, view: 'ALL' });
      } catch (error) {
        if (refusalOf(error)?.code !== 'INVALID_PARAMETER_VALUE') throw error;
        this.#hasLists = false;
      }
    const found: Run[] = [];
    for (const one of fingerprints) {
      const search = { experiments, filter: `${key} = '${one}'`, view: 'ALL', maxResults: 1 } as const;
      found.push(...(await this.#runs.search(search)).runs);
    }
    return found;
  }

  async endOpen(run: string, at: number): Promise<void> {
    const parent = await this.#runs.byId(run);
    if (parent === undefined) return;
    for (const { info } of [parent, ...(await this.#runs.children(parent, 'ACTIVE_ONLY'))]) {
      if (info.status !== 'RUNNING' || info.lifecycle_stage === 'deleted') continue;
      const ended = { run_id: info.run_id, status: 'KILLED', end_time: at };
      await this.#client.send('POST', 'runs/update', ended);
    }
    this.#writer.forget(run);
  }

  /** Pages are the server's, without the runs of steps; it may say more than one of its pages holds. */
  async search({
    where,
    sort,
    limit,
    pageToken,
    children,
    lifecycle = 'active',
  }: RunSearch): Promise<RunPage> {
    if (where !== undefined) parseFilter(where);
    if (sort !== undefined) parseOrder(sort);
    let { token, skip, size } = pageStart(pageToken) ?? {
      token: undefined,
      skip: 0,
      size: Math.min(MAX_PAGE, children ? limit + 1 : 2 * limit + 1),
    };
    const experiments = await this.#runs.all();
    const found: Run[] = [];
    for (;;) {
      const page = await this.#page(where, {
        experiments,
        filter: where,
        orderBy: sort === undefined ? [] : orderBy(sort),
        view: VIEWS[lifecycle],
        maxResults: size,
        pageToken: token,
      });
      for (const [index, run] of page.runs.entries()) {
        if (index < skip || !isShown(run, children)) continue;
        if (found.length === limit)
          return {
            runs: await this.#tracked(found),
            nextPageToken: pageTokenOf({ token, skip: index, size }),
          };
        found.push(run);
      }
      if (page.next === undefined) return { runs: await this.#tracked(found) };
      [token, skip] = [page.next, 0];
    }
  }

  async #page(
    where: string | undefined,
    search: Parameters<RestRuns['search']>[0],
  ): ReturnType<RestRuns['search']> {
    try {
      return await this.#runs.search(search);
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal?.code !== 'INVALID_PARAMETER_VALUE' || where === undefined) throw error;
      // What we have beyond MLflow's grammar, a server may lack.
      throw new RecipeError(
        'FILTER_INVALID',
        { filter: where, problem: `the server says ${refusal.message}`, column: 1 },
        { cause: error },
      );
    }
  }

  async read(id: string): Promise<TrackedRunDetails | undefined> {
    const found = await this.#byAnyId(id);
    if (found === undefined) return undefined;
    const [run] = await this.#tracked([found]);
    if (run === undefined) return undefined;
    const children = winners(await this.#runs.children(found, 'ACTIVE_ONLY')).toSorted(
      (a, b) =>
        (a.info.start_time ?? 0) - (b.info.start_time ?? 0) ||
        (`${a.info.run_name}\0${idOf(a)}` < `${b.info.run_name}\0${idOf(b)}` ? -1 : 1),
    );
    return {
      ...run,
      artifacts: artifactsOfTags(new Map(found.data.tags.map(({ key, value }) => [key, value]))),
      datasets: datasetsOf(found).toSorted((a, b) =>
        `${a.name}\0${a.context}` < `${b.name}\0${b.context}` ? -1 : 1,
      ),
      children: children.map((child) => ({
        id: idOf(child),
        name: child.info.run_name,
        status: child.info.status as TrackedRun['status'],
      })),
    };
  }

  async history(run: string, key: string): Promise<readonly MetricWrite[]> {
    const found = await this.#byAnyId(run);
    if (found === undefined) return [];
    const points: MetricWrite[] = [];
    let token = '';
    do {
      const answer = await this.#client.get('metrics/get-history', {
        run_id: found.info.run_id,
        metric_key: key,
        ...(token === '' ? {} : { page_token: token }),
      });
      for (const metric of list(answer['metrics']))
        points.push({
          key,
          value: Number(metric['value'] ?? 0),
          step: Number(metric['step'] ?? 0),
          timestamp: Number(metric['timestamp'] ?? 0),
        });
      token = text(answer['next_page_token']);
    } while (token !== '');
    return points.toSorted((a, b) => a.step - b.step || a.timestamp - b.timestamp || a.value - b.value);
  }

  async idsLike(given: string): Promise<readonly string[]> {
    if (given === '') return [];
    const experiments = await this.#runs.all();
    const ids = new Set<string>();
    // A pattern finds more than is meant where the text has % or _ in it.
    for (const [key, pattern] of [
      [`tags.\`${TAGS.id}\``, quoted(`${given}%`)],
      ['attributes.run_id', quoted(`${given}%`)],
      ['attributes.run_name', quoted(`%${given}`)],
    ] as const) {
      if (pattern === undefined) continue;
      for (const run of winners(
        await this.#runs.searchAll({ experiments, filter: `${key} LIKE ${pattern}` }),
      ))
        if (isMeant(run, given)) ids.add(idOf(run));
    }
    return [...ids].toSorted((a, b) => (a < b ? -1 : 1)).slice(0, 2);
  }

  /** Goes through all runs: no server has a list of its keys. */
  async keys(): Promise<TrackedKeys> {
    const runs = await this.#runs.searchAll({ experiments: await this.#runs.all(), view: 'ALL' });
    const of = (keys: readonly string[]): string[] =>
      [...new Set(keys)].filter((key) => !isInternal(key)).toSorted((a, b) => (a < b ? -1 : 1));
    return {
      metrics: of(runs.flatMap(({ data }) => data.metrics.map(({ key }) => key))),
      params: of(runs.flatMap(({ data }) => data.params.map(({ key }) => key))),
      tags: of(runs.flatMap(({ data }) => data.tags.map(({ key }) => key))),
    };
  }

  async remove(run: string): Promise<void> {
    await this.#move(run, 'runs/delete');
  }

  async restore(run: string): Promise<void> {
    await this.#move(run, 'runs/restore');
  }

  /** A run with where the server keeps its artifacts, for a model that is registered from it. */
  async serverRun(id: string): Promise<Run | undefined> {
    return this.#runs.byId(id);
  }

  async #move(run: string, path: string): Promise<void> {
    const found = await this.#byAnyId(run);
    if (found !== undefined) await this.#client.send('POST', path, { run_id: found.info.run_id });
    this.#writer.forget(run);
  }

  async #byAnyId(id: string): Promise<Run | undefined> {
    return (await this.#runs.byId(id)) ?? (await this.#runs.get(id));
  }

  async #tracked(runs: readonly Run[]): Promise<TrackedRun[]> {
    const tracked: TrackedRun[] = [];
    for (const run of runs) {
      const shown = { ...run.data, tags: run.data.tags.filter(({ key }) => !isInternal(key)) };
      const experiment = await this.#runs.nameOf(run.info.experiment_id);
      tracked.push({ ...trackedRunOf({ ...run, data: shown }, experiment), id: idOf(run) });
    }
    return tracked;
  }
}

function isShown({ data }: Run, children: boolean): boolean {
  return data.tags.every(({ key }) => key !== TAGS.duplicateOf && (children || key !== 'mlflow.parentRunId'));
}

function winners(runs: readonly Run[]): Run[] {
  return [...Map.groupBy(runs, idOf).values()].flatMap((same) => winnerOf(same) ?? []);
}

function isMeant(run: Run, given: string): boolean {
  const { run_id: id, run_name: name } = run.info;
  return idOf(run).startsWith(given) || id.startsWith(given) || name === given || name.endsWith(` ${given}`);
}

/** Each key of an order by itself, as MLflow wants them. */
function orderBy(sort: string): string[] {
  return parseOrder(sort).map(({ entity, key, descending }) => {
    const prefix = { metric: 'metrics', param: 'params', tag: 'tags', attribute: 'attributes', metadata: '' };
    return `${prefix[entity]}.\`${key}\` ${descending ? 'DESC' : 'ASC'}`;
  });
}
