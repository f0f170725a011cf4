import { chooseTraces, deleteTraces, type TraceChoice } from '../tracking/mlflow/delete-traces.ts';
import { deleteTraceTag, setTraceTag } from '../tracking/mlflow/traces.ts';
import { pathOfAddress } from './artifact-place.ts';
import { integer, message, present, repeated, required, text } from './message.ts';
import type { Served } from './route.ts';

/** What both versions of the traces' API do alike, under other paths. */
export const TAG_OF_TRACE = { key: required(text()), value: present(text()) };
export const DELETE_TRACES = message({
  experiment_id: required(text()),
  max_timestamp_millis: integer(),
  max_traces: integer(),
  request_ids: repeated(text()),
});

export async function answerSetTag(
  { database }: Served,
  id: string,
  { key, value }: { key: string; value: string },
): Promise<object> {
  await database.write((sql) => setTraceTag(sql, id, { key, value }));
  return {};
}

export async function answerDeleteTag({ database }: Served, id: string, key: string): Promise<object> {
  await database.write((sql) => deleteTraceTag(sql, id, key));
  return {};
}

/** Spans go first: if this ends half-way, what is left can be named again. */
export async function answerDelete(
  { database, artifacts, root }: Served,
  request: ReturnType<typeof DELETE_TRACES.read>,
): Promise<object> {
  const choice: TraceChoice = {
    experimentId: request.experiment_id,
    ids: request.request_ids,
    until: request.max_timestamp_millis,
    atMost: request.max_traces,
  };
  const chosen = await database.read((sql) => chooseTraces(sql, choice, root));
  await Promise.all(
    chosen.flatMap(({ folder }) => pathOfAddress(folder, root) ?? []).map((path) => artifacts.remove(path)),
  );
  const ids = chosen.map(({ id }) => id);
  return { traces_deleted: await database.write((sql) => deleteTraces(sql, ids)) };
}
