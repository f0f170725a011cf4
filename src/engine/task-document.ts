import { canonicalJson } from '../core/canonical-json.ts';
import type { Digest } from '../core/ids.ts';
import type { Json, JsonObject } from '../core/json.ts';
import type { Action, EnvValue, PlanStep } from '../core/plan.ts';

/** Changes whenever the meaning of a document does: every fingerprint is new then. */
const KEY_SCHEMA = 1;

/** Major of the interface between steps and Stockpot; own TypeScript steps depend on it. */
const STEP_API = '1';

/** What the document says beyond the plan: worked out from files, tools and earlier steps. */
export interface DocumentParts {
  /** Digest and kind of each input, by name. */
  readonly inputs: readonly { readonly name: string; readonly digest: Digest; readonly kind: string }[];
  /** Of the declared code, by project-relative path; empty for shipped components. */
  readonly code: readonly { readonly path: string; readonly digest: Digest }[];
  /** Content of config keys that name files. */
  readonly configFiles: Readonly<Record<string, Digest>>;
  /** Versions of packages that the code imports: `lodash@4.17.21`. */
  readonly packages: readonly string[];
  /** First line of each tool's `--version`. */
  readonly tools: Readonly<Record<string, string>>;
  /** Majors that the code runs on: `node 24`, `python 3.11`. */
  readonly runtime: string | undefined;
  /** Answer of the step's `probe`. */
  readonly probe: string | undefined;
}

/** The part of the document that follows from the plan. Kept with the plan, as building it costs most. */
export function staticText(step: PlanStep, salt: string | undefined): string {
  return canonicalJson({
    action: actionJson(step.action),
    config: step.config,
    env: mapValues(step.env, envJson),
    outputs: mapValues(step.outputs, ({ path, kind }) => ({ path, kind })),
    seed: step.seed,
    ...(step.cell === undefined ? {} : { cell: step.cell }),
    ...(step.isolation === 'project' ? { isolation: 'project' } : {}),
    // Its report differs, and what is not in the report of a result is never tracked.
    ...(step.mlflow === true ? { mlflow: true } : {}),
    ...(salt === undefined ? {} : { salt }),
  });
}

/**
 * All that the outputs of a step depend on, as canonical JSON; its SHA-256 is the fingerprint. Not in it:
 * limits of time and resources, retries, secrets' values, names and places of inputs.
 */
export function documentFrom(staticPart: string, parts: DocumentParts): string {
  return `{"dynamic":${dynamicText(parts)},"key_schema":${KEY_SCHEMA},"static":${staticPart}}`;
}

function dynamicText({ inputs, code, configFiles, packages, tools, runtime, probe }: DocumentParts): string {
  // Names are checked identifiers and digests are hex, but kinds of later versions may be anything.
  let text = '{"inputs":{';
  let separator = '';
  for (const { name, digest, kind } of inputs.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    text += `${separator}"${name}":{"digest":"${digest}","kind":"${kind}"}`;
    separator = ',';
  }
  text += '}';
  const rest: { [key: string]: Json } = {};
  if (code.length > 0) rest['code'] = Object.fromEntries(code.map(({ path, digest }) => [path, digest]));
  if (Object.keys(configFiles).length > 0) rest['config_files'] = configFiles;
  if (packages.length > 0) rest['packages'] = packages;
  if (Object.keys(tools).length > 0) rest['tools'] = tools;
  if (runtime !== undefined) rest['runtime'] = runtime;
  if (probe !== undefined) rest['probe'] = probe;
  const keys = Object.keys(rest);
  return keys.length === 0 ? `${text}}` : `${text},"more":${canonicalJson(rest)}}`;
}

function actionJson(action: Action): Json {
  switch (action.kind) {
    case 'argv':
      return { argv: action.argv as Json };
    case 'bash':
      return { bash: action.script, variables: action.variables as JsonObject };
    case 'shipped':
      return { component: action.component, version: action.version };
    case 'own':
      return {
        entry: action.entry,
        runtime: action.runtime,
        ...(action.runtime === 'node' ? { api: STEP_API } : {}),
      };
  }
}

function envJson(value: EnvValue): Json {
  if (typeof value === 'string') return value;
  if ('text' in value) return { text: value.text as Json };
  // The name and label of a secret count, its value never does.
  return value.version === undefined
    ? { secret: value.secret }
    : { secret: value.secret, version: value.version };
}

function mapValues<T>(map: Readonly<Record<string, T>>, change: (value: T) => Json): JsonObject {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value)]));
}

/** What `explain` compares: the document as a flat list of dotted paths and values. */
export function flattenDocument(text: string): Map<string, Json> {
  const flat = new Map<string, Json>();
  flatten(JSON.parse(text) as Json, '', flat);
  return flat;
}

function flatten(value: Json, path: string, into: Map<string, Json>): void {
  const isOpen = typeof value === 'object' && value !== null && Object.keys(value).length > 0;
  // A command is shown word by word, so that the one that changed stands out.
  if (isOpen && (!Array.isArray(value) || path === 'static.action.argv'))
    for (const [key, inner] of Object.entries(value))
      flatten(inner, path === '' ? key : `${path}.${key}`, into);
  else into.set(path, value);
}
