import { openAsBlob } from 'node:fs';
import { RecipeError } from '../../core/recipe-error.ts';
import { isKeptArtifact } from '../../engine/kept-artifacts.ts';
import type { ArtifactWrite, KeyValue, TrackedRunWrite, TrackingBatch } from '../../engine/tracking-port.ts';
import type { Run } from '../mlflow/messages.ts';
import { inputOf, refuseChange } from '../write-batch.ts';
import type { ArtifactFiles } from './artifact-files.ts';
import { logBatches } from './log-batches.ts';
import { mergeWrites } from './merge-writes.ts';
import { runOfJson } from './message-of.ts';
import { type RestClient, refusalOf } from './rest-client.ts';
import { idOf, type RestRuns, winnerOf } from './rest-runs.ts';
import { artifactTag, TAGS } from './rest-tags.ts';

const PROXY = /^mlflow-artifacts:(?:\/\/[^/]*)?\/*/;

/**
 * Writes batches of runs to a server that has neither our ids nor transactions: it looks for each run by a
 * tag, makes what is missing, looks again whether somebody else did too, and writes the cursor last. What
 * was cut off is done again from there.
 */
export class RestWriter {
  readonly #client: RestClient;
  readonly #runs: RestRuns;
  readonly #files: ArtifactFiles;
  /** By the ids that writers chose. */
  readonly #known = new Map<string, Run>();

  constructor(client: RestClient, runs: RestRuns, files: ArtifactFiles) {
    this.#client = client;
    this.#runs = runs;
    this.#files = files;
  }

  /** Drops what is known of a run: somebody changed it otherwise. */
  forget(id: string): void {
    this.#known.delete(id);
  }

  /** @throws RecipeError PARAM_CHANGED, TRACKED_RUN_DELETED, before anything is written */
  async write({ experiment, runs, cursor }: TrackingBatch): Promise<void> {
    const writes = mergeWrites(runs);
    const number = await this.#runs.experiment(experiment);
    const roots = writes.filter(({ parent }) => parent === undefined);
    const children = writes.filter(({ parent }) => parent !== undefined);
    for (const { id } of roots) await this.#find(id, number);
    for (const parent of new Set(children.flatMap((one) => one.parent ?? [])))
      await this.#findChildren(parent, number, children);
    for (const write of writes) this.#check(write);
    for (const write of roots) await this.#create(write, number);
    for (const write of children) await this.#create(write, number);
    for (const write of writes) await this.#log(write);
    if (cursor !== undefined) await this.#moveCursor(cursor.run, cursor.seq);
  }

  /** The run of an id, as it was when it was last looked at. */
  async #find(id: string, experiment: string): Promise<Run | undefined> {
    const known = this.#known.get(id) ?? (await this.#runs.byId(id, experiment));
    if (known !== undefined) this.#known.set(id, known);
    return known;
  }

  /** Asks once for all children of a run, unless they are known. */
  async #findChildren(parent: string, experiment: string, writes: readonly TrackedRunWrite[]): Promise<void> {
    if (writes.every((one) => one.parent !== parent || this.#known.has(one.id))) return;
    const run = await this.#find(parent, experiment);
    if (run === undefined) return;
    for (const [id, same] of Map.groupBy(await this.#runs.children(run), idOf)) {
      const winner = winnerOf(same);
      if (winner !== undefined && !this.#known.has(id)) this.#known.set(id, winner);
    }
  }

  #check({ id, params = [] }: TrackedRunWrite): void {
    const known = this.#known.get(id);
    if (known?.info.lifecycle_stage === 'deleted') throw new RecipeError('TRACKED_RUN_DELETED', { id });
    refuseChange(id, new Map(known?.data.params.map(({ key, value }) => [key, value])), params);
  }

  async #create(write: TrackedRunWrite, experiment: string): Promise<void> {
    const { id, name = id, parent, startTime, tags = [] } = write;
    if (this.#known.has(id)) return;
    const above = parent === undefined ? undefined : await this.#find(parent, experiment);
    const user = tags.findLast(({ key }) => key === 'mlflow.user')?.value;
    const answer = await this.#client.send('POST', 'runs/create', {
      experiment_id: experiment,
      run_name: name,
      ...(user === undefined ? {} : { user_id: user }),
      ...(startTime === undefined ? {} : { start_time: startTime }),
      tags: [
        { key: TAGS.id, value: id },
        ...(parent === undefined ? [] : [{ key: 'mlflow.parentRunId', value: above?.info.run_id ?? parent }]),
      ],
    });
    this.#known.set(id, await this.#verified(id, runOfJson(answer['run'])));
  }

  /** Who made the same run meanwhile sees the same two, and comes to the same choice. */
  async #verified(id: string, made: Run): Promise<Run> {
    const winner = (await this.#runs.byId(id, made.info.experiment_id)) ?? made;
    if (winner.info.run_id === made.info.run_id) return made;
    await this.#tag(made, [{ key: TAGS.duplicateOf, value: winner.info.run_id }]);
    await this.#client.send('POST', 'runs/delete', { run_id: made.info.run_id });
    return winner;
  }

  async #log(write: TrackedRunWrite): Promise<void> {
    const { id, params = [], metrics = [], datasets = [], artifacts = [], result } = write;
    const run = this.#known.get(id);
    if (run === undefined) throw new Error(`Internal error: the run ${id} was not made`);
    const known = new Map(run.data.params.map(({ key }) => [key, true]));
    const kept: KeyValue[] = [];
    for (const artifact of artifacts) kept.push(await this.#upload(run, artifact));
    const tags = [...(write.tags ?? []), ...kept];
    const server = run.info.run_id;
    const logged = {
      params: [...new Map(params.map((param) => [param.key, param])).values()].filter(
        ({ key }) => !known.has(key),
      ),
      tags: this.#newTags(run, tags),
      metrics,
    };
    for (const body of logBatches(server, logged)) await this.#client.send('POST', 'runs/log-batch', body);
    if (datasets.length > 0)
      await this.#client.send('POST', 'runs/log-inputs', {
        run_id: server,
        datasets: datasets.map((dataset) => inputOf(dataset) as never),
      });
    // After all that the result stands for.
    if (result !== undefined) await this.#tag(run, [{ key: TAGS.result, value: result }]);
    const ends = write.status !== undefined && write.status !== 'RUNNING' && run.info.status === 'RUNNING';
    if (ends)
      await this.#client.send('POST', 'runs/update', {
        run_id: server,
        status: write.status ?? 'FINISHED',
        ...(write.endTime === undefined ? {} : { end_time: write.endTime }),
      });
    this.#known.set(id, {
      ...run,
      info: { ...run.info, ...(ends ? { status: write.status ?? 'FINISHED' } : {}) },
      data: {
        metrics: [],
        params: [...run.data.params, ...logged.params],
        tags: withTags(run, [
          ...logged.tags,
          ...(result === undefined ? [] : [{ key: TAGS.result, value: result }]),
        ]),
      },
    });
  }

  /** Of each key the last value, if the run has another. */
  #newTags({ data }: Run, tags: readonly KeyValue[]): KeyValue[] {
    const known = new Map(data.tags.map(({ key, value }) => [key, value]));
    return [...new Map(tags.map((tag) => [tag.key, tag])).values()].filter(
      ({ key, value }) => known.get(key) !== value,
    );
  }

  /** Sends an artifact's files unless they are there; gives the tag that says what it is. */
  async #upload(run: Run, artifact: ArtifactWrite): Promise<KeyValue> {
    const uploaded = artifactTag(artifact, undefined);
    const isThere = run.data.tags.some(({ key, value }) => key === uploaded.key && value === uploaded.value);
    if (isThere) return uploaded;
    const note = await this.#uploadFiles(run, artifact);
    return note === undefined ? uploaded : artifactTag(artifact, `not uploaded: ${note}`);
  }

  /** Gives why they were not sent, if so. */
  async #uploadFiles({ info }: Run, artifact: ArtifactWrite): Promise<string | undefined> {
    if (!isKeptArtifact(artifact)) return 'it is of the cache, which can make it again';
    if (!PROXY.test(info.artifact_uri)) return `the server keeps artifacts at ${info.artifact_uri}`;
    const files = this.#files.of(artifact.digest, artifact.kind);
    if (files === undefined) return 'it was not in the cache any more';
    const root = `${info.artifact_uri.replace(PROXY, '')}/${artifact.path}`;
    try {
      for (const { path, file } of files)
        await this.#client.upload(path === '' ? root : `${root}/${path}`, await openAsBlob(file));
      return undefined;
    } catch (error) {
      const refusal = refusalOf(error);
      // A server that takes runs, but no files.
      if (refusal === undefined) throw error;
      return `the server refuses it (${refusal.code})`;
    }
  }

  async #moveCursor(id: string, seq: number): Promise<void> {
    const run = this.#known.get(id) ?? (await this.#runs.byId(id));
    if (run === undefined) return;
    const before = Number(run.data.tags.find(({ key }) => key === TAGS.cursor)?.value ?? 0);
    if (seq <= before) return;
    const tag = { key: TAGS.cursor, value: String(seq) };
    await this.#tag(run, [tag]);
    this.#known.set(id, { ...run, data: { ...run.data, tags: withTags(run, [tag]) } });
  }

  async #tag({ info }: Run, tags: readonly KeyValue[]): Promise<void> {
    for (const { key, value } of tags)
      await this.#client.send('POST', 'runs/set-tag', { run_id: info.run_id, key, value });
  }
}

function withTags({ data }: Run, tags: readonly KeyValue[]): KeyValue[] {
  return [...new Map([...data.tags, ...tags].map((tag) => [tag.key, tag])).values()];
}
