import { posix } from 'node:path';
import { hasKeyCharacters, isShortestPath, TRACKING_LIMITS } from '../../engine/tracking-limits.ts';
import type { Dataset, Metric, Tag } from './messages.ts';
import { invalid } from './mlflow-error.ts';
import { pythonJson, pythonNumber, pythonText } from './python-text.ts';

/** What a log-batch may hold: of each kind, and of all (MLflow's limits). */
export const MAX_METRICS = 1000;
export const MAX_PARAMS = 100;
export const MAX_TAGS = 100;
export const MAX_ENTITIES = 1000;
/** MLflow's limit for a page of most searches. */
const MAX_RESULTS = 50_000;
/** Characters of a name in a message: a client may have sent one of any length. */
const MAX_SHOWN = 1000;

/** A text that a database can keep: no NUL, no half characters. */
export function checkText(what: string, value: string): void {
  if (value.includes('\0') || !value.isWellFormed())
    throw invalid(`Invalid value for ${what}: it holds a NUL or half a character.`);
}

/** @param parent what holds the key in a request that has several: `metrics[0].` */
export function checkKey(what: 'metric' | 'param' | 'tag', key: string, parent = ''): void {
  checkForm(what, key, parent);
  const named = { metric: 'Metric name', param: 'Param key', tag: `${parent}key` };
  checkLength(named[what], key, TRACKING_LIMITS.key);
}

export function checkParam({ key, value }: Tag, parent?: string): void {
  checkKey('param', key, parent);
  checkLength('Param value', value, TRACKING_LIMITS.param);
}

export function checkTag({ key, value }: Tag, parent = ''): void {
  checkKey('tag', key, parent);
  checkLength(`${parent}value`, value, TRACKING_LIMITS.tag);
}

/** A parameter of a run as MLflow keeps it: a long value is cut, not refused. */
export function fitParam({ key, value }: Tag): Tag {
  return { key, value: cutTo(value, TRACKING_LIMITS.param) };
}

/** A tag of a run or a trace as MLflow keeps it: a long value is cut, not refused. */
export function fitTag({ key, value }: Tag): Tag {
  return { key, value: cutTo(value, TRACKING_LIMITS.tag) };
}

export function checkMetric({ key, value, timestamp, step }: Metric, parent = ''): void {
  checkForm('metric', key, parent);
  const refuse = (what: string, written: number, rule: string): never => {
    throw invalid(
      `Invalid value ${written} for parameter '${parent}${what}' supplied: metric '${key}' (value=${pythonNumber(value)}). ${rule}`,
    );
  };
  if (!Number.isSafeInteger(timestamp) || timestamp < 0)
    refuse('timestamp', timestamp, 'Timestamp must be a nonnegative long (64-bit integer) ');
  if (!Number.isSafeInteger(step)) refuse('step', step, 'Step must be a valid long (64-bit integer).');
  checkKey('metric', key, parent);
}

export function checkRunId(id: string): void {
  if (!/^[a-zA-Z0-9][\w-]{0,255}$/.test(id))
    throw invalid(`Invalid value ${pythonJson(id.slice(0, MAX_SHOWN))} for parameter 'run_id' supplied.`);
}

/** The number of an experiment; undefined for an id that none can have. */
export function experimentNumber(id: string): number | undefined {
  return /^\d{1,15}$/.test(id) ? Number(id) : undefined;
}

export function checkExperimentName(name: string): void {
  if (name.trim() === '') throw invalid(`Invalid experiment name: '${name}'`);
  checkLength('name', name, TRACKING_LIMITS.experiment);
}

/**
 * How many a page has.
 *
 * @throws MlflowError INVALID_PARAMETER_VALUE
 */
export function checkMaxResults(count: number, limit = MAX_RESULTS): void {
  const refuse = (rule: string): never => {
    throw invalid(`Invalid value ${count} for parameter 'max_results' supplied. It must be ${rule}`);
  };
  if (count < 1) refuse('a positive integer');
  if (count > limit) refuse(`at most ${limit}`);
}

export function checkAliasName(alias: string): void {
  if (alias === '') throw invalid('Registered model alias name cannot be empty.');
  if (!/^[\p{L}\p{N}_-]+$/u.test(alias))
    throw invalid(
      `Invalid alias name: '${alias.slice(0, MAX_SHOWN)}'. Names may only contain alphanumerics, underscores (_), and dashes (-).`,
    );
  checkLength('Registered model alias name', alias, 255);
  if (alias.toLowerCase() === 'latest') throw invalid("'latest' alias name (case insensitive) is reserved.");
  if (/^v\d+$/i.test(alias)) throw invalid(`Version alias name '${alias}' is reserved.`);
}

export function checkDataset({ name, digest, source, source_type, schema, profile }: Dataset): void {
  for (const [what, value, limit] of [
    ['name', name, TRACKING_LIMITS.datasetName],
    ['digest', digest, TRACKING_LIMITS.datasetDigest],
    ['source_type', source_type, TRACKING_LIMITS.datasetName],
    ['source', source, TRACKING_LIMITS.datasetSource],
  ] as const) {
    if (value === '') throw invalid(`Dataset ${what} cannot be empty`);
    checkLength(what, value, limit);
  }
  checkLength('schema', schema ?? '', TRACKING_LIMITS.datasetSchema);
  checkLength('profile', profile ?? '', TRACKING_LIMITS.datasetProfile);
}

export function checkLength(what: string, value: string, limit: number): void {
  if (isLonger(value, limit)) throw invalid(`'${what}' exceeds the maximum length of ${limit} characters`);
  checkText(what, value);
}

/** Characters of a key, and that it is a path which is written in its shortest form. */
function checkForm(what: 'metric' | 'param' | 'tag', key: string, parent: string): void {
  const written = pythonJson(key.slice(0, MAX_SHOWN));
  const refuse = (rule: string): never => {
    throw invalid(
      `Invalid value ${written} for parameter '${parent}${what === 'metric' ? 'name' : 'key'}' supplied: ${rule}`,
    );
  };
  if (!hasKeyCharacters(key))
    refuse(
      'Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).',
    );
  if (!isShortestPath(key)) {
    const other = posix.normalize(key).replace(/(?<=.)\/$/, '');
    refuse(
      `Names may be treated as files in certain cases, and must not resolve to other names when treated as such. This name would resolve to ${pythonText(other)}`,
    );
  }
}

/** In characters, as MLflow counts, not in UTF-16 units. */
function isLonger(value: string, limit: number): boolean {
  return value.length > limit && Array.from(value).length > limit;
}

function cutTo(value: string, limit: number): string {
  return isLonger(value, limit) ? Array.from(value).slice(0, limit).join('') : value;
}
