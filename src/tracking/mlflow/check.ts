import { posix } from 'node:path';
import { isTrackingKey, TRACKING_LIMITS } from '../../engine/tracking-limits.ts';
import type { Dataset, Metric, Tag } from './messages.ts';
import { invalid } from './mlflow-error.ts';

/** What a log-batch may hold: of each kind, and of all (MLflow's limits). */
export const MAX_METRICS = 1000;
export const MAX_PARAMS = 100;
export const MAX_TAGS = 100;
export const MAX_ENTITIES = 1000;

/** A text that a database can keep: no NUL, no half characters. */
export function checkText(what: string, value: string): void {
  if (value.includes('\0') || !value.isWellFormed())
    throw invalid(`Invalid value for ${what}: it holds a NUL or half a character.`);
}

/** @param parent what holds the key in a request that has several: `metrics[0].` */
export function checkKey(what: 'metric' | 'param' | 'tag', key: string, parent = ''): void {
  if (key.length > TRACKING_LIMITS.key)
    throw invalid(
      `${what} key '${key.slice(0, 40)}…' had length ${key.length}, which exceeded length limit of ${TRACKING_LIMITS.key}`,
    );
  const parameter = `${parent}${what === 'metric' ? 'name' : 'key'}`;
  if (!/^[/\w.\- :]*$/.test(key))
    throw invalid(
      `Invalid value "${key.slice(0, 80)}" for parameter '${parameter}' supplied: Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).`,
    );
  if (!isTrackingKey(key))
    throw invalid(
      `Invalid value "${key}" for parameter '${parameter}' supplied: Names may be treated as files in certain cases, and must not resolve to other names when treated as such. This name would resolve to '${posix.normalize(key).replace(/(?<=.)\/$/, '')}'`,
    );
}

export function checkParam({ key, value }: Tag, parent?: string): void {
  checkKey('param', key, parent);
  checkLength(`Param value for key '${key}'`, value, TRACKING_LIMITS.param);
}

export function checkTag({ key, value }: Tag, parent?: string): void {
  checkKey('tag', key, parent);
  checkLength(`Tag value for key '${key}'`, value, TRACKING_LIMITS.tag);
}

export function checkMetric({ key, timestamp, step }: Metric, parent?: string): void {
  checkKey('metric', key, parent);
  if (!Number.isSafeInteger(timestamp) || timestamp < 0)
    throw invalid(
      `Got invalid timestamp ${timestamp} for metric '${key}'. Timestamp must be a nonnegative long (64-bit integer) `,
    );
  if (!Number.isSafeInteger(step))
    throw invalid(
      `Got invalid step ${step} for metric '${key}'. Step must be a valid long (64-bit integer).`,
    );
}

export function checkRunId(id: string): void {
  if (!/^[a-zA-Z0-9][\w-]{0,255}$/.test(id)) throw invalid(`Invalid run ID: '${id.slice(0, 80)}'`);
}

/** The number of an experiment; undefined for an id that none can have. */
export function experimentNumber(id: string): number | undefined {
  if (!/^[a-zA-Z0-9][\w-]{0,63}$/.test(id)) throw invalid(`Invalid experiment ID: '${id.slice(0, 80)}'`);
  return /^\d{1,15}$/.test(id) ? Number(id) : undefined;
}

export function checkExperimentName(name: string): void {
  if (name.trim() === '') throw invalid(`Invalid experiment name: '${name}'`);
  checkLength('Experiment name', name, TRACKING_LIMITS.experiment);
}

export function checkDataset({ name, digest, source, source_type, schema, profile }: Dataset): void {
  for (const [what, value, limit] of [
    ['name', name, TRACKING_LIMITS.datasetName],
    ['digest', digest, TRACKING_LIMITS.datasetDigest],
    ['source type', source_type, TRACKING_LIMITS.datasetName],
    ['source', source, TRACKING_LIMITS.datasetSource],
  ] as const) {
    if (value === '') throw invalid(`Dataset ${what} cannot be empty`);
    checkLength(`Dataset ${what}`, value, limit);
  }
  checkLength('Dataset schema', schema ?? '', TRACKING_LIMITS.datasetSchema);
  checkLength('Dataset profile', profile ?? '', TRACKING_LIMITS.datasetProfile);
}

export function checkLength(what: string, value: string, limit: number): void {
  if (value.length > limit)
    throw invalid(`${what} had length ${value.length}, which exceeded length limit of ${limit}`);
  checkText(what, value);
}
