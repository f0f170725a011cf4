import type { Failpoint } from '../../src/core/failpoint.ts';
import type { CrashRig } from '../rigs/crash-rig.ts';
import { atFailpoint, type Disturbance } from './disturbances.ts';

/** A bug that somebody might make, and what must notice it. */
export interface Plant {
  readonly name: string;
  /** Text of the source and what stands in its place; each text must be there once. */
  readonly changes: readonly { readonly file: string; readonly from: string; readonly to: string }[];
  readonly disturbance: Disturbance;
  /** What one of the violations must match. */
  readonly caughtAs: RegExp;
}

export const PLANTS: readonly Plant[] = [
  {
    name: 'the result gets its name before its blobs have theirs',
    changes: [
      {
        file: 'src/store/blobs.ts',
        from: `    renameSync(temporary, path);
    failpoint('blob.after-rename');
    this.#stamps.set(digest, lstatSync(path));`,
        to: `    process.nextTick(() => setTimeout(() => renameSync(temporary, path), 500).unref());`,
      },
    ],
    disturbance: killedAt('result.after-link'),
    caughtAs: /^I5 .* lacks the blob .*, right after the crash/,
  },
  {
    name: 'a blob is written in place',
    changes: [
      {
        file: 'src/store/blobs.ts',
        from: `    renameSync(temporary, path);
    failpoint('blob.after-rename');`,
        to: `    copyFileSync(temporary, path);
    truncateSync(path, 1);
    failpoint('blob.after-rename');
    renameSync(temporary, path);`,
      },
      { file: 'src/store/blobs.ts', from: '  type Stats,\n', to: '  type Stats,\n  truncateSync,\n' },
    ],
    disturbance: killedAt('blob.after-rename'),
    caughtAs: /^I3 .*, right after the crash/,
  },
  {
    name: 'a result is written in place',
    changes: [
      {
        file: 'src/store/results.ts',
        from: 'const text = Buffer.from(JSON.stringify(result));',
        to: "const text = Buffer.from(JSON.stringify(result));\n      writeFileSync(path, '{');\n      failpoint('result.before-fsync');\n      removeFile(path);",
      },
    ],
    disturbance: killedAt('result.before-fsync'),
    caughtAs: /^I5 .* is torn, right after the crash/,
  },
  {
    name: 'a version is registered if it was not there a moment ago',
    changes: [
      {
        file: 'src/tracking/sql-registry.ts',
        from: `    failpoint('registry.before-register');
`,
        to: `    const known = await this.findByDigest(name, modelDigest);
    failpoint('registry.before-register');
`,
      },
      {
        file: 'src/tracking/sql-registry.ts',
        from: `      const known = await byDigest(sql, name, modelDigest);
`,
        to: '',
      },
    ],
    disturbance: registeringPair,
    caughtAs: /^I2 .* versions of one model/,
  },
  {
    name: 'a step inherits the environment',
    changes: [
      {
        file: 'src/engine/attempt-environment.ts',
        from: '  return {\n    PATH:',
        to: '  return {\n    ...(env as Record<string, string>),\n    PATH:',
      },
    ],
    disturbance: killedAt('attempt.published'),
    caughtAs: /^I9/,
  },
  {
    name: 'a log is not masked',
    changes: [
      {
        file: 'src/engine/attempt-log.ts',
        from: 'masker.push(decoder.write(chunk))',
        to: "decoder.write(chunk) + masker.push('')",
      },
    ],
    disturbance: killedAt('attempt.published'),
    caughtAs: /^I9/,
  },
  {
    name: 'gc forgets what is pinned',
    changes: [
      {
        file: 'src/store/roots.ts',
        from: '  if (!existsSync(roots)) return digests;',
        to: '  if (existsSync(roots)) return digests;',
      },
    ],
    disturbance: async (rig) => {
      await rig.change(0, { registers: true });
      await rig.cli.recipe('run');
      await rig.change(1, { registers: true });
      return atFailpoint(rig, 'gc.after-blobs', 'delay:300', 1);
    },
    caughtAs: /^I5 demo version 1 lacks its model/,
  },
  {
    name: 'a run that was cut off is not closed',
    changes: [
      {
        file: 'src/engine/active-runs.ts',
        from: "  appendFileSync(path, `${isTorn ? '\\n' : ''}${line}\\n`, { flush: true });\n",
        to: '  if (isTorn) appendFileSync(path, line, { flush: true });\n',
      },
    ],
    disturbance: killedAt('attempt.published'),
    caughtAs: /^I1 run .* ends 0 times/,
  },
  {
    name: 'the tracked run of one that was cut off stays open',
    changes: [
      {
        file: 'src/engine/active-runs.ts',
        from: '    if (!(await undertaker.settle(run))) continue;\n',
        to: "    if (run === '' && !(await undertaker.settle(run))) continue;\n",
      },
    ],
    disturbance: killedAt('tracking.after-commit'),
    caughtAs: /^I1 the tracked run .* is still RUNNING/,
  },
  {
    name: 'a result is believed only by the run that wrote it',
    changes: [
      {
        file: 'src/store/results.ts',
        from: '    return result !== undefined && this.isComplete(result) ? result : undefined;',
        to: '    return result !== undefined && this.#shards.size > 0 && this.isComplete(result) ? result : undefined;',
      },
    ],
    disturbance: killedAt('attempt.published'),
    caughtAs: /^I4 .* runs again, though its result was there/,
  },
];

function killedAt(name: Failpoint): Disturbance {
  return (rig) => atFailpoint(rig, name, 'kill', 1);
}

/** Two drivers come to the registry with the same model at the same time. */
async function registeringPair(rig: CrashRig): ReturnType<Disturbance> {
  await rig.change(0, { registers: false });
  await rig.cli.recipe('run');
  await rig.change(0, { registers: true });
  const spec = 'registry.before-register=delay:3000';
  await Promise.all([rig.crash(spec), rig.crash(spec)]);
  return { what: `two drivers at ${spec}` };
}
