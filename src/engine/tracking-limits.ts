import type { KeyValue } from './tracking-port.ts';

/** Lengths of MLflow's own store, in characters: what is longer it refuses. */
export const TRACKING_LIMITS = {
  key: 250,
  param: 6000,
  tag: 8000,
  experiment: 500,
  datasetName: 500,
  datasetDigest: 36,
  datasetSource: 65_535,
  datasetSchema: 1_048_575,
  datasetProfile: 16_777_215,
} as const;

/** MLflow's rule for keys: these characters only, and a relative path that is written in its shortest form. */
export function isTrackingKey(key: string): boolean {
  return key.length <= TRACKING_LIMITS.key && hasKeyCharacters(key) && isShortestPath(key);
}

export function hasKeyCharacters(key: string): boolean {
  return /^[/\p{L}\p{N}_.\- :]+$/u.test(key);
}

export function isShortestPath(key: string): boolean {
  return (
    !key.startsWith('..') && key.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  );
}

/** The key as MLflow takes it: cells read `fit:2`, what else it does not know becomes `_`. */
export function fitKey(key: string): string {
  if (isTrackingKey(key)) return key;
  const known = key.replaceAll('@', ':').replaceAll(/[^/\p{L}\p{N}_.\- :]/gu, '_');
  const fitted = cut(
    known
      .split('/')
      .map((part) => (part === '' || part === '.' || part === '..' ? '_' : part))
      .join('/')
      .replace(/^\.\./, '__'),
    TRACKING_LIMITS.key,
  );
  return isTrackingKey(fitted) ? fitted : fitted.replaceAll('/', '_');
}

/** The value of a parameter, cut where MLflow would refuse it. */
export function fitValue(value: string): string {
  return cut(clean(value), TRACKING_LIMITS.param);
}

export function fitTag({ key, value }: KeyValue): KeyValue {
  return { key: fitKey(key), value: cut(clean(value), TRACKING_LIMITS.tag) };
}

/** At most `length` UTF-16 units, without half a character at the end. */
export function cut(text: string, length: number): string {
  return text.length <= length ? text : text.slice(0, length).replace(/[\uD800-\uDBFF]$/, '');
}

/** Text that any database takes: no NUL, no half characters. */
export function clean(text: string): string {
  return text.replaceAll('\0', '\uFFFD').toWellFormed();
}
