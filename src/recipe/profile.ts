import type { SecretSource, Settings } from '../core/plan.ts';
import { PRIORITIES } from '../core/priority.ts';
import { RecipeError } from '../core/recipe-error.ts';
import type { Scope } from './evaluate.ts';
import type { FileReader } from './file-reader.ts';
import { parseYaml } from './parse-yaml.ts';
import { readAddresses } from './read-addresses.ts';
import type { FindRecipe } from './read-after.ts';
import { readCache } from './read-cache.ts';
import { readGpus } from './read-gpus.ts';
import { readNotify } from './read-notify.ts';
import { readQueues } from './read-queues.ts';
import { readRedis } from './read-redis.ts';
import { readSchedule } from './read-schedule.ts';
import { booleanValue, invalid, knownKeys, mapTree, textList, textValue, wholeNumber } from './read-value.ts';
import { refusePassword } from './refuse-password.ts';
import { errorAt } from './source.ts';
import { type Entry, type MapTree, mapOf, overlay } from './tree.ts';

/** Settings that a profile may have. */
export const PROFILE_SETTINGS = [
  'executor',
  'cache',
  'tracking',
  'model_registry',
  'keep_inputs',
  'experiment',
  'effects',
  'secrets',
  'queues',
  'queue_timeout',
  'priority',
  'limits',
  'gpus',
  'schedule',
  'notify',
  'redis',
  'server',
  'database',
  'extends',
  'params',
] as const;

/** Settings that later versions bring: known, so that a misspelt one is told apart. */
export const LATER_SETTINGS = ['server'] as const;

const PROFILE_NAME = /^[A-Za-z0-9][\w.-]{0,99}$/;
const VALUE_NAME = /^[A-Z][A-Z0-9_]*$/;

/** Whether a key of a profile is a value for expressions, not a setting. */
export function isValueName(key: string): boolean {
  return VALUE_NAME.test(key);
}

export interface Profile {
  readonly name: string | undefined;
  /** Upper-case names. */
  readonly values: ReadonlyMap<string, Entry>;
  readonly params: MapTree | undefined;
  readonly settings: MapTree | undefined;
}

export const NO_PROFILE: Profile = {
  name: undefined,
  values: new Map(),
  params: undefined,
  settings: undefined,
};

/**
 * Reads the profile `name`: the project's, then the recipe's over it, each over what it extends. Without a
 * name it is `local`, if there is one.
 *
 * @throws RecipeError PROFILE_NOT_FOUND and what is wrong in the files
 */
export function readProfile(files: FileReader, recipeDir: string, name: string | undefined): Profile {
  const wanted = name ?? 'local';
  if (!PROFILE_NAME.test(wanted)) throw new RecipeError('PROFILE_NOT_FOUND', { profile: wanted, known: [] });
  const merged = readMerged(files, recipeDir, wanted, []);
  if (merged === undefined) {
    if (name === undefined) return NO_PROFILE;
    const known = ['profiles/*.yaml', `${recipeDir}/profiles/*.yaml`]
      .flatMap((pattern) => files.glob(pattern.replace(/^\.?\//, '')))
      .map((path) => path.replace(/^.*\//, '').replace(/\.yaml$/, ''));
    throw new RecipeError('PROFILE_NOT_FOUND', { profile: wanted, known: [...new Set(known)] });
  }
  const values = new Map([...merged.entries].filter(([key]) => VALUE_NAME.test(key)));
  const settings = mapOf(
    [...merged.entries].filter(([key]) => !VALUE_NAME.test(key) && key !== 'params' && key !== 'extends'),
    merged.span,
  );
  const params = merged.entries.get('params');
  for (const [key, entry] of [...values, ...(params === undefined ? [] : [['params', params] as const])])
    refusePassword(key, entry);
  return {
    name: wanted,
    values,
    params: params === undefined ? undefined : mapTree(params.value, 'params'),
    settings,
  };
}

function readMerged(
  files: FileReader,
  recipeDir: string,
  name: string,
  above: readonly string[],
): MapTree | undefined {
  const folders =
    recipeDir === '' || recipeDir === '.' ? ['profiles'] : ['profiles', `${recipeDir}/profiles`];
  let merged: MapTree | undefined;
  for (const folder of folders) {
    const source = files.read(`${folder}/${name}.yaml`);
    if (source === undefined) continue;
    const tree = parseYaml(source);
    const own =
      tree === undefined ? mapOf([], { source, start: 0, end: 0 }) : mapTree(tree, `the profile ${name}`);
    for (const [key, { key: span }] of own.entries)
      if (!VALUE_NAME.test(key))
        knownKeys(mapOf([[key, { key: span, value: own }]], span), `The profile ${name}`, PROFILE_SETTINGS);
    merged = merged === undefined ? own : mergeProfiles(merged, own);
  }
  const parent = merged?.entries.get('extends');
  if (merged === undefined || parent === undefined) return merged;
  const base = textValue(parent.value, 'extends', EMPTY_SCOPE);
  if (!PROFILE_NAME.test(base)) throw invalid(parent.value.span, 'extends', 'is no name of a profile');
  if (base === name || above.includes(base))
    throw invalid(parent.value.span, 'extends', 'leads back to this profile');
  const inherited = readMerged(files, recipeDir, base, [...above, name]);
  if (inherited === undefined)
    throw errorAt(parent.value.span, 'PROFILE_NOT_FOUND', { profile: base, known: [] });
  return mergeProfiles(inherited, merged);
}

/** Key by key; maps of both are merged, lists replace. */
function mergeProfiles(base: MapTree, over: MapTree): MapTree {
  const entries = [...over.entries].map(([key, entry]): [string, Entry] => {
    const below = base.entries.get(key);
    return below?.value.kind === 'map' && entry.value.kind === 'map'
      ? [key, { key: entry.key, value: overlay(below.value, entry.value) }]
      : [key, entry];
  });
  return overlay(base, mapOf(entries, over.span));
}

export const EMPTY_SCOPE: Scope = {
  lookUp: () => undefined,
  names: () => [],
  readJson: () => null,
  spend: () => undefined,
};

/** The settings of a profile that this version acts on. */
export function readSettings(
  settings: MapTree | undefined,
  scope: Scope,
  findRecipe: FindRecipe,
): Settings & { readonly experiment?: string } {
  const entries = settings?.entries ?? new Map<string, Entry>();
  for (const key of LATER_SETTINGS) {
    const entry = entries.get(key);
    if (entry !== undefined) {
      refusePassword(key, entry);
      throw errorAt(entry.key, 'NOT_IN_THIS_VERSION', { what: `\`${key}:\` in a profile` });
    }
  }
  const executor = entries.get('executor');
  const redis = readRedis(entries.get('redis'), scope);
  const experiment = entries.get('experiment');
  const addresses = readAddresses(settings, scope);
  const keepInputs = entries.get('keep_inputs');
  const schedule = entries.get('schedule');
  const notify = entries.get('notify');
  const gpus = entries.get('gpus');
  const priority = entries.get('priority');
  return {
    effects: readEffects(entries.get('effects'), scope),
    ...readCache(entries.get('cache'), scope),
    ...(executor === undefined ? {} : readExecutor(executor, scope)),
    ...(Object.keys(redis).length === 0 ? {} : { redis }),
    ...readQueues(entries.get('queue_timeout'), entries.get('queues'), scope),
    ...(priority === undefined ? {} : { priority: readPriority(priority, scope) }),
    limits: readLimits(entries.get('limits'), scope),
    ...(gpus === undefined ? {} : { gpus: readGpus(gpus, scope) }),
    secrets: readSecrets(entries.get('secrets'), scope),
    ...(Object.keys(addresses).length === 0 ? {} : { addresses }),
    ...(keepInputs === undefined ? {} : { keepInputs: booleanValue(keepInputs.value, 'keep_inputs', scope) }),
    ...(schedule === undefined ? {} : { schedule: readSchedule(schedule, scope, findRecipe) }),
    ...(notify === undefined ? {} : { notify: readNotify(notify, scope) }),
    ...(experiment === undefined ? {} : { experiment: textValue(experiment.value, 'experiment', scope) }),
  };
}

function readEffects(entry: Entry | undefined, scope: Scope): Settings['effects'] {
  if (entry === undefined) return 'all';
  const value = textValue(entry.value, 'effects', scope);
  if (value === 'all' || value === 'submitted' || value === 'none') return value;
  throw invalid(entry.value.span, 'effects', 'is none of all, submitted and none');
}

function readExecutor({ value }: Entry, scope: Scope): Pick<Settings, 'executor'> {
  const text = textValue(value, 'executor', scope);
  if (text === 'local') return {};
  if (text === 'fleet') return { executor: 'fleet' };
  throw invalid(value.span, 'executor', 'is neither local nor fleet');
}

function readPriority({ value }: Entry, scope: Scope): Settings['priority'] & string {
  const text = textValue(value, 'priority', scope);
  const found = PRIORITIES.find((one) => one === text);
  if (found === undefined) throw invalid(value.span, 'priority', `is none of ${PRIORITIES.join(', ')}`);
  return found;
}

function readLimits(entry: Entry | undefined, scope: Scope): Record<string, number> {
  if (entry === undefined) return {};
  return Object.fromEntries(
    [...mapTree(entry.value, 'limits').entries].map(([name, { value }]) => [
      name,
      wholeNumber(value, `limits.${name}`, scope, 1),
    ]),
  );
}

function readSecrets(entry: Entry | undefined, scope: Scope): Record<string, SecretSource> {
  if (entry === undefined) return {};
  const secrets: Record<string, SecretSource> = {};
  for (const [name, { key, value }] of mapTree(entry.value, 'secrets').entries) {
    if (name === '__proto__' || !/^[A-Za-z_]\w*$/.test(name))
      throw invalid(key, `secrets.${name}`, 'is no name for a secret');
    const map = mapTree(value, `secrets.${name}`);
    knownKeys(map, `secrets.${name}`, ['env', 'file', 'command']);
    const [only, ...more] = [...map.entries];
    if (only === undefined || more.length > 0)
      throw invalid(map.span, `secrets.${name}`, 'is not one of env, file, command');
    const [kind, source] = only;
    secrets[name] =
      kind === 'command'
        ? { command: textList(source.value, `secrets.${name}.command`, scope) }
        : kind === 'file'
          ? { file: textValue(source.value, `secrets.${name}.file`, scope) }
          : { env: textValue(source.value, `secrets.${name}.env`, scope) };
  }
  return secrets;
}
