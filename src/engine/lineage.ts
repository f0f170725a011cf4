import type { Digest, StepId } from '../core/ids.ts';
import type { JsonObject } from '../core/json.ts';
import { isJsonObject } from '../core/json.ts';
import type { ReproducedFile, Reproduction } from './reproduction.ts';

/** What a registered model came from, each by digest. */
export interface Lineage {
  readonly model: Digest;
  readonly data: readonly {
    readonly name: string;
    readonly digest: Digest | 'none';
    readonly size: number;
    /** Whether the version keeps its bytes. */
    readonly kept: boolean;
  }[];
  readonly code: readonly { readonly path: string; readonly digest: Digest }[];
  readonly steps: readonly {
    readonly step: StepId;
    /** A component and its version, an entry, or a command. */
    readonly action: JsonObject;
    /** Of the task document. */
    readonly fingerprint: string;
    readonly parameters: JsonObject;
    readonly environment: JsonObject;
    readonly outputs: Readonly<Record<string, Digest>>;
  }[];
  readonly environment: { readonly stockpot: string; readonly packages: readonly string[] };
}

/** Data, code, parameters and environment of a reproduction. */
export function lineageOf({ model, files, references, steps, stockpot }: Reproduction): Lineage {
  const withRole = (...roles: readonly ReproducedFile['role'][]): readonly ReproducedFile[] =>
    files.filter(({ role }) => roles.includes(role));
  const parts = steps.map((step) => ({
    ...step,
    fixed: mapAt(step.document, 'static'),
    more: mapAt(mapAt(step.document, 'dynamic'), 'more'),
  }));
  return {
    model: model.digest,
    data: [
      ...withRole('input').map(({ path, digest, size, isKept }) => ({
        name: path,
        digest,
        size,
        kept: isKept,
      })),
      ...references.map(({ reference, digest, size, isKept }) => ({
        name: reference,
        digest,
        size,
        kept: isKept,
      })),
    ],
    code: withRole('code', 'config').map(({ path, digest }) => ({ path, digest })),
    steps: parts.map(({ id, fingerprint, outputs, fixed, more }) => ({
      step: id,
      action: mapAt(fixed, 'action'),
      fingerprint,
      parameters: mapAt(fixed, 'config'),
      environment: {
        seed: fixed['seed'] ?? null,
        ...(more['runtime'] === undefined ? {} : { runtime: more['runtime'] }),
        ...(more['tools'] === undefined ? {} : { tools: more['tools'] }),
        ...(more['probe'] === undefined ? {} : { probe: more['probe'] }),
        ...(Object.keys(mapAt(fixed, 'env')).length === 0 ? {} : { env: mapAt(fixed, 'env') }),
      },
      outputs: Object.fromEntries(Object.entries(outputs).map(([name, { digest }]) => [name, digest])),
    })),
    environment: {
      stockpot,
      packages: [...new Set(parts.flatMap(({ more }) => packagesOf(more)))].toSorted(),
    },
  };
}

function packagesOf(more: JsonObject): string[] {
  const { packages } = more;
  return Array.isArray(packages) ? packages.map(String) : [];
}

function mapAt(json: JsonObject, key: string): JsonObject {
  const value = json[key];
  return isJsonObject(value) ? value : {};
}
