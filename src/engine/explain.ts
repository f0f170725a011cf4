import type { Fingerprint } from '../core/ids.ts';
import type { Json } from '../core/json.ts';
import { BlobDamaged } from '../store/blobs.ts';
import { digestOf } from '../store/hash.ts';
import type { Store } from '../store/store.ts';
import { flattenDocument } from './task-document.ts';

/** One thing that differs between two task documents. */
export interface Change {
  readonly kind: 'config' | 'input' | 'code' | 'command' | 'environment' | 'seed' | 'output' | 'other';
  /** `learning_rate`, `inputs.training`, `steps/fit.py`. */
  readonly name: string;
  /** `undefined` where it was not there. */
  readonly before: Json | undefined;
  readonly after: Json | undefined;
}

/** Why a step is not what it was, in one line, for the event that says it starts. */
export function reasonFor(
  store: Store,
  last: Fingerprint | undefined,
  now: { readonly fingerprint: Fingerprint; readonly document: string },
): string {
  if (last === undefined) return 'it has not run before';
  if (last === now.fingerprint) return 'its result is not in the cache any more';
  const before = documentOf(store, last);
  if (before === undefined) return 'it changed (what it was is not in the cache any more)';
  const [first, ...more] = changesBetween(before, now.document);
  if (first === undefined) return 'it changed';
  return more.length === 0 ? describeChange(first) : `${describeChange(first)}, and ${more.length} more`;
}

/** The task document behind a fingerprint: it is a blob of that very digest. */
export function documentOf(store: Store, fingerprint: Fingerprint): string | undefined {
  try {
    const bytes = store.blobs.read(fingerprint as string as Parameters<Store['blobs']['read']>[0]);
    return digestOf(bytes) === (fingerprint as string) ? bytes.toString('utf8') : undefined;
  } catch (error) {
    if (error instanceof BlobDamaged) return undefined;
    throw error;
  }
}

/** What differs, what a person wrote before what follows from it. */
export function changesBetween(before: string, after: string): Change[] {
  const [old, now] = [flattenDocument(before), flattenDocument(after)];
  const changes: Change[] = [];
  for (const key of new Set([...old.keys(), ...now.keys()])) {
    const [a, b] = [old.get(key), now.get(key)];
    if (JSON.stringify(a) !== JSON.stringify(b)) changes.push(changeOf(key, a, b));
  }
  return changes.toSorted((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind));
}

const ORDER: readonly Change['kind'][] = [
  'config',
  'command',
  'code',
  'environment',
  'seed',
  'output',
  'other',
  'input',
];

function changeOf(key: string, before: Json | undefined, after: Json | undefined): Change {
  const rules: readonly (readonly [RegExp, Change['kind']])[] = [
    [/^static\.config\.(.+)$/, 'config'],
    [/^static\.action\.(.+)$/, 'command'],
    [/^static\.env\.(.+)$/, 'environment'],
    [/^static\.(seed)$/, 'seed'],
    [/^static\.outputs\.(.+)$/, 'output'],
    [/^static\.(.+)$/, 'other'],
    [/^dynamic\.inputs\.(.+)\.(?:digest|kind)$/, 'input'],
    [/^dynamic\.more\.(?:code|config_files|packages)\.?(.*)$/, 'code'],
    [/^dynamic\.more\.(.+)$/, 'environment'],
  ];
  for (const [pattern, kind] of rules) {
    const match = pattern.exec(key);
    if (match !== null)
      return { kind, name: match[1] === '' || match[1] === undefined ? key : match[1], before, after };
  }
  return { kind: 'other', name: key, before, after };
}

/** `learning_rate 0.1 → 0.05`, `the input training changed`. */
export function describeChange({ kind, name, before, after }: Change): string {
  switch (kind) {
    case 'input':
      return before === undefined
        ? `the input ${name} is new`
        : after === undefined
          ? `the input ${name} is gone`
          : `the input ${name} changed`;
    case 'code':
      return before === undefined
        ? `the code ${name} is new`
        : after === undefined
          ? `the code ${name} is gone`
          : `the code ${name} changed`;
    default:
      return `${name} ${text(before)} → ${text(after)}`;
  }
}

function text(value: Json | undefined): string {
  return value === undefined ? '(none)' : typeof value === 'string' ? value : JSON.stringify(value);
}
