import { isJsonObject, type Json, type JsonObject } from '../../core/json.ts';
import type { Run, RunInfo, RunStatus, Tag } from '../mlflow/messages.ts';

/** A run as a server sends it: what is empty may be absent, and a number that JSON has not is a text. */
export function runOfJson(json: Json | undefined): Run {
  const run = object(json);
  const data = object(run['data']);
  return {
    info: infoOf(object(run['info'])),
    data: {
      metrics: list(data['metrics']).map((metric) => ({
        key: text(metric['key']),
        value: Number(metric['value'] ?? 0),
        timestamp: Number(metric['timestamp'] ?? 0),
        step: Number(metric['step'] ?? 0),
      })),
      params: tagsOfJson(data['params']),
      tags: tagsOfJson(data['tags']),
    },
    inputs: {
      dataset_inputs: list(object(run['inputs'])['dataset_inputs']).map((input) => {
        const { name, digest, source_type, source, schema, profile } = object(input['dataset']);
        return {
          tags: tagsOfJson(input['tags']),
          dataset: {
            name: text(name),
            digest: text(digest),
            source_type: text(source_type),
            source: text(source),
            ...(schema === undefined ? {} : { schema: text(schema) }),
            ...(profile === undefined ? {} : { profile: text(profile) }),
          },
        };
      }),
    },
  };
}

function infoOf(info: JsonObject): RunInfo {
  const [start, end] = [info['start_time'], info['end_time']];
  const id = text(info['run_id']);
  return {
    run_id: id,
    run_uuid: id,
    run_name: text(info['run_name']),
    experiment_id: text(info['experiment_id']),
    user_id: text(info['user_id']),
    status: text(info['status']) as RunStatus,
    ...(start === undefined ? {} : { start_time: Number(start) }),
    ...(end === undefined || end === 0 ? {} : { end_time: Number(end) }),
    artifact_uri: text(info['artifact_uri']),
    lifecycle_stage: text(info['lifecycle_stage']) === 'deleted' ? 'deleted' : 'active',
  };
}

export function tagsOfJson(json: Json | undefined): Tag[] {
  return list(json).map(({ key, value }) => ({ key: text(key), value: text(value) }));
}

/** The objects of a list; none if it is absent. */
export function list(json: Json | undefined): JsonObject[] {
  return Array.isArray(json) ? json.filter(isJsonObject) : [];
}

export function object(json: Json | undefined): JsonObject {
  return isJsonObject(json) ? json : {};
}

export function text(json: Json | undefined): string {
  return typeof json === 'string' ? json : typeof json === 'number' ? String(json) : '';
}
