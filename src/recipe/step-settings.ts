import { FAILURE_REASONS } from '../core/failure.ts';
import { isQueueName } from '../core/fleet-names.ts';
import { MOST_GPUS } from '../core/gpu-ids.ts';
import type { EnvValue, PlanStep, Probe } from '../core/plan.ts';
import { evaluate, type Scope, textOf } from './evaluate.ts';
import { checkArgument, joinText } from './parse-command.ts';
import { parseReference } from './parse-reference.ts';
import { projectPath } from './project-path.ts';
import {
  booleanValue,
  durationMs,
  invalid,
  knownKeys,
  MAX_WAIT_MS,
  mapTree,
  numberValue,
  sizeBytes,
  textList,
  textValue,
  wholeNumber,
} from './read-value.ts';
import { errorAt } from './source.ts';
import type { MapTree, Tree } from './tree.ts';

type StepSettings = Pick<
  PlanStep,
  | 'env'
  | 'passEnv'
  | 'resources'
  | 'timeoutMs'
  | 'graceMs'
  | 'retry'
  | 'limits'
  | 'queue'
  | 'cache'
  | 'seed'
  | 'isolation'
  | 'tools'
  | 'probe'
  | 'mlflow'
  | 'when'
>;

const DEFAULT_GRACE_MS = 10_000;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** The engine's keys of a step that say how it is run, not what it does. */
export function readStepSettings(step: MapTree, seed: number, scope: Scope): StepSettings {
  const get = <T>(key: string, read: (tree: Tree) => T): T | undefined => {
    const entry = step.entries.get(key);
    return entry === undefined ? undefined : read(entry.value);
  };
  const timeoutMs = get('timeout', (tree) => {
    const limit = durationMs(tree, 'timeout', scope, MAX_WAIT_MS);
    if (limit === 0) throw invalid(tree.span, 'timeout', 'is not above 0');
    return limit;
  });
  const probe = get('probe', (tree) => readProbe(tree, scope));
  const queue = get('queue', (tree) => readQueue(tree, scope));
  const mlflow = get('mlflow', (tree) => booleanValue(tree, 'mlflow', scope)) ?? false;
  return {
    env: get('env', (tree) => readEnv(tree, scope)) ?? {},
    passEnv: get('pass_env', (tree) => variableNames(tree, scope)) ?? [],
    resources: get('resources', (tree) => readResources(tree, scope)) ?? {},
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    graceMs: get('grace', (tree) => durationMs(tree, 'grace', scope, MAX_WAIT_MS)) ?? DEFAULT_GRACE_MS,
    retry: get('retry', (tree) => readRetry(tree, scope)) ?? { maxAttempts: 1, backoffMs: 0, on: [] },
    limits: get('limits', (tree) => textList(tree, 'limits', scope)) ?? [],
    ...(queue === undefined ? {} : { queue }),
    cache: get('cache', (tree) => readCachePolicy(tree, scope)) ?? 'always',
    seed: get('seed', (tree) => wholeNumber(tree, 'seed', scope)) ?? seed,
    isolation: get('isolation', (tree) => readIsolation(tree, scope)) ?? 'attempt',
    tools: get('tools', (tree) => readTools(tree, scope)) ?? [],
    ...(probe === undefined ? {} : { probe }),
    ...(mlflow ? { mlflow } : {}),
    when: get('when', (tree) => booleanValue(tree, 'when', scope)) ?? true,
  };
}

function readEnv(tree: Tree, scope: Scope): Record<string, EnvValue> {
  const env: Record<string, EnvValue> = {};
  for (const [name, { key, value }] of mapTree(tree, 'env').entries) {
    if (name === '__proto__' || !VARIABLE.test(name) || /^(?:STOCKPOT_|IN_|OUT_)/.test(name))
      throw invalid(key, `env.${name}`, 'is no name for a variable, or one of Stockpot’s own');
    if (value.kind === 'scalar') {
      const text = joinText(textOf(value, scope));
      checkArgument(text, value, `env.${name}`);
      env[name] = typeof text === 'string' ? text : { text };
      continue;
    }
    const map = mapTree(value, `env.${name}`);
    knownKeys(map, `env.${name}`, ['secret', 'version']);
    const secret = map.entries.get('secret');
    const version = map.entries.get('version');
    if (secret === undefined) throw errorAt(map.span, 'KEY_MISSING', { key: 'secret', where: `env.${name}` });
    const secretName = textValue(secret.value, `env.${name}.secret`, scope);
    if (!VARIABLE.test(secretName))
      throw invalid(secret.value.span, `env.${name}.secret`, 'is no name for a secret');
    env[name] = {
      secret: secretName,
      ...(version === undefined ? {} : { version: String(evaluate(version.value, scope)) }),
    };
  }
  return env;
}

function variableNames(tree: Tree, scope: Scope): string[] {
  const names = textList(tree, 'pass_env', scope);
  const bad = names.find((name) => !VARIABLE.test(name));
  if (bad !== undefined) throw invalid(tree.span, `pass_env: ${bad}`, 'is no name for a variable');
  return names;
}

function readResources(tree: Tree, scope: Scope): PlanStep['resources'] {
  const map = mapTree(tree, 'resources');
  knownKeys(map, 'resources', ['cpus', 'memory', 'gpus']);
  const [cpus, memory, gpus] = ['cpus', 'memory', 'gpus'].map((key) => map.entries.get(key));
  return {
    ...(cpus === undefined ? {} : { cpus: numberValue(cpus.value, 'resources.cpus', scope) }),
    ...(memory === undefined ? {} : { memoryBytes: sizeBytes(memory.value, 'resources.memory', scope) }),
    ...(gpus === undefined ? {} : { gpus: wholeNumber(gpus.value, 'resources.gpus', scope, 0, MOST_GPUS) }),
  };
}

function readQueue(tree: Tree, scope: Scope): string {
  const name = textValue(tree, 'queue', scope);
  if (!isQueueName(name)) throw invalid(tree.span, 'queue', 'is no name of a queue: letters, digits, _ . -');
  return name;
}

function readRetry(tree: Tree, scope: Scope): PlanStep['retry'] {
  const map = mapTree(tree, 'retry');
  knownKeys(map, 'retry', ['max_attempts', 'backoff', 'on']);
  const [attempts, backoff, on] = ['max_attempts', 'backoff', 'on'].map((key) => map.entries.get(key));
  const reasons = on === undefined ? ['infra'] : textList(on.value, 'retry.on', scope);
  const unknown = reasons.find((reason) => !(FAILURE_REASONS as readonly string[]).includes(reason));
  if (on !== undefined && unknown !== undefined)
    throw invalid(on.value.span, `retry.on: ${unknown}`, `is none of ${FAILURE_REASONS.join(', ')}`);
  return {
    maxAttempts:
      attempts === undefined ? 1 : wholeNumber(attempts.value, 'retry.max_attempts', scope, 1, 1000),
    backoffMs: backoff === undefined ? 0 : durationMs(backoff.value, 'retry.backoff', scope, MAX_WAIT_MS),
    on: reasons,
  };
}

function readCachePolicy(tree: Tree, scope: Scope): PlanStep['cache'] {
  if (tree.kind === 'map') {
    knownKeys(tree, 'cache', ['ttl']);
    const ttl = tree.entries.get('ttl');
    if (ttl === undefined) throw errorAt(tree.span, 'KEY_MISSING', { key: 'ttl', where: 'cache' });
    return { ttlMs: durationMs(ttl.value, 'cache.ttl', scope) };
  }
  const value = evaluate(tree, scope);
  if (value === 'always' || value === 'never') return value;
  throw invalid(tree.span, 'cache', 'is none of always, never, { ttl: 24h }');
}

function readIsolation(tree: Tree, scope: Scope): PlanStep['isolation'] {
  const value = textValue(tree, 'isolation', scope);
  if (value === 'attempt' || value === 'project') return value;
  throw invalid(tree.span, 'isolation', 'is neither attempt nor project');
}

function readTools(tree: Tree, scope: Scope): string[] {
  const tools = textList(tree, 'tools', scope);
  const bad = tools.find((tool) => !/^[A-Za-z0-9][\w.+-]*$/.test(tool));
  if (bad !== undefined) throw invalid(tree.span, `tools: ${bad}`, 'is no name of a program');
  return tools;
}

function readProbe(tree: Tree, scope: Scope): Probe {
  const map = mapTree(tree, 'probe');
  knownKeys(map, 'probe', ['file', 'http', 'command']);
  const [only, ...more] = [...map.entries];
  if (only === undefined || more.length > 0)
    throw invalid(tree.span, 'probe', 'is not one of file, http, command');
  const [kind, { value }] = only;
  if (kind === 'command') return { kind, argv: textList(value, 'probe.command', scope) };
  const text = textValue(value, `probe.${kind}`, scope);
  if (kind === 'http') {
    const reference = parseReference(text, value.span);
    if (reference.kind !== 'uri') throw invalid(value.span, 'probe.http', 'is not an address');
    return { kind, url: reference.uri };
  }
  return { kind: 'file', path: projectPath(text, value.span) };
}
