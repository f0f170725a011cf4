import { RecipeError } from '../core/recipe-error.ts';
import { isTrackingKey, TRACKING_LIMITS } from '../engine/tracking-limits.ts';
import type { TrackedRunWrite } from '../engine/tracking-port.ts';

/**
 * Refuses what MLflow refuses: keys and lengths.
 *
 * @throws RecipeError TRACKING_VALUE_INVALID
 */
export function checkRunWrite({ id, name, params, metrics, tags, datasets }: TrackedRunWrite): void {
  if (!/^[a-zA-Z0-9][\w-]{0,255}$/.test(id)) refuse('run id', id, 'letters, digits, _ and -, at most 256');
  if (name !== undefined) checkLength('run name', name, TRACKING_LIMITS.tag);
  for (const { key, value } of params ?? []) {
    checkKey('parameter', key);
    checkLength(`value of the parameter ${key}`, value, TRACKING_LIMITS.param);
  }
  for (const { key, step, timestamp } of metrics ?? []) {
    checkKey('metric', key);
    if (!Number.isSafeInteger(step)) refuse(`step of the metric ${key}`, String(step), 'whole numbers');
    if (!Number.isSafeInteger(timestamp))
      refuse(`time of the metric ${key}`, String(timestamp), 'whole numbers');
  }
  for (const { key, value } of tags ?? []) {
    checkKey('tag', key);
    checkLength(`value of the tag ${key}`, value, TRACKING_LIMITS.tag);
  }
  for (const dataset of datasets ?? []) {
    const of = (what: string): string => `${what} of the data set ${dataset.name.slice(0, 40)}`;
    if (dataset.name === '') refuse('name of a data set', '', 'at least one character');
    checkLength(of('name'), dataset.name, TRACKING_LIMITS.datasetName);
    checkLength(of('digest'), dataset.digest, TRACKING_LIMITS.datasetDigest);
    checkLength(of('source'), dataset.source, TRACKING_LIMITS.datasetSource);
    checkLength(of('schema'), dataset.schema ?? '', TRACKING_LIMITS.datasetSchema);
    checkLength(of('profile'), dataset.profile ?? '', TRACKING_LIMITS.datasetProfile);
    checkLength(of('context'), dataset.context ?? '', TRACKING_LIMITS.datasetName);
  }
}

/** @throws RecipeError TRACKING_VALUE_INVALID */
export function checkExperiment(name: string): void {
  if (name.trim() === '') refuse('experiment', name, 'a name that is not blank');
  checkLength('experiment', name, TRACKING_LIMITS.experiment);
}

/**
 * Refuses names that a model or an alias cannot have in MLflow.
 *
 * @throws RecipeError REGISTRY_NAME_INVALID
 */
export function checkModelName(name: string): void {
  // oxlint-disable-next-line no-control-regex
  if (name.trim() === '' || name.length > 256 || /[/:\u0000-\u001f]/.test(name))
    throw new RecipeError('REGISTRY_NAME_INVALID', {
      what: 'model',
      name: name.slice(0, 80),
      rule: '1 to 256 characters, not blank, without / and :',
    });
}

/** @throws RecipeError REGISTRY_NAME_INVALID */
export function checkAlias(alias: string): void {
  if (/^[\w-]{1,255}$/.test(alias) && alias.toLowerCase() !== 'latest' && !/^v\d+$/i.test(alias)) return;
  throw new RecipeError('REGISTRY_NAME_INVALID', {
    what: 'alias',
    name: alias.slice(0, 80),
    rule: '1 to 255 letters, digits, _ and -, neither "latest" nor "v" and a number',
  });
}

function checkKey(what: string, key: string): void {
  if (!isTrackingKey(key))
    refuse(
      what,
      key.slice(0, 80),
      `at most ${TRACKING_LIMITS.key} letters, digits, spaces and _ - . : /, as a relative path`,
    );
}

function checkLength(what: string, value: string, limit: number): void {
  if (value.length > limit) refuse(what, `${value.slice(0, 40)}…`, `at most ${limit} characters`);
  if (value.includes('\0') || !value.isWellFormed())
    refuse(what, value.slice(0, 40), 'text without a NUL and half characters');
}

function refuse(what: string, value: string, rule: string): never {
  throw new RecipeError('TRACKING_VALUE_INVALID', { what, value, rule });
}
