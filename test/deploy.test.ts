import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { MetricsServer } from '../src/executors/fleet/metrics-server.ts';
import { parseDuration } from '../src/recipe/read-value.ts';
import { CliRig } from './rigs/cli-rig.ts';
import { recipeLinesOf, takeCommandLine } from './rigs/recipe-lines.ts';
import { ServerProcess } from './rigs/server-process.ts';

const ROOT = join(import.meta.dirname, '..');
const DEPLOY = join(ROOT, 'deploy');
const read = (path: string): string => readFileSync(join(DEPLOY, path), 'utf8');

/** Beyond --drain: the grace of a step, and its last checkpoint on its way. */
const END_MS = 60_000;

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

interface Container {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe: Probe;
  readonly resources: { readonly limits: Record<string, string>; readonly requests: Record<string, string> };
  readonly securityContext: object;
  readonly workingDir?: string;
  readonly env?: readonly { readonly name: string }[];
  readonly envFrom?: readonly object[];
  readonly volumeMounts?: readonly { readonly mountPath: string }[];
}

interface Workload {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly securityContext: object;
        readonly containers: readonly Container[];
        readonly initContainers?: readonly Container[];
      };
    };
  };
}

const manifests = ['namespace', 'server', 'worker', 'schedules'].flatMap((name) =>
  parseAllDocuments(read(`kubernetes/${name}.yaml`)).map((document) => {
    for (const error of document.errors) throw error;
    return document.toJS() as Workload;
  }),
);
const workloads = manifests.filter(({ kind }) => kind === 'StatefulSet' || kind === 'Deployment');
const containerOf = (name: string): Container => {
  const found = workloads
    .flatMap(({ spec }) => spec.template.spec.containers)
    .find((one) => one.name === name);
  if (found === undefined) throw new Error(`no container ${name}`);
  return found;
};

interface ComposeService {
  readonly image: string;
  readonly command?: readonly string[];
  readonly environment?: Record<string, string>;
  readonly stop_grace_period?: string;
  readonly working_dir?: string;
  readonly volumes?: readonly string[];
  readonly profiles?: readonly string[];
}

const compose = parse(read('compose.yaml'), { merge: true }) as { services: Record<string, ComposeService> };

const units = globSync('systemd/*.service', { cwd: DEPLOY }).toSorted();
/** Of the setting of a unit that stands there once. */
const setting = (unit: string, name: string): string => {
  const found = Array.from(
    read(unit).matchAll(new RegExp(`^${name}=(.*)$`, 'gm')),
    ([, value = '']) => value,
  );
  expect(found).toHaveLength(1);
  return found[0] ?? '';
};

describe('each command line that is shipped or documented is one that the program takes', () => {
  test('compose.yaml', () => {
    const own = Object.entries(compose.services).filter(([, { image }]) => image === 'stockpot');
    expect(own.map(([, { command = [] }]) => takeCommandLine(command))).toEqual([
      'server',
      'worker',
      'worker',
      'schedules serve',
    ]);
  });

  test('kubernetes/', () => {
    const names = ['server', 'worker', 'schedules'];
    expect(names.map((name) => takeCommandLine(containerOf(name).args))).toEqual([
      'server',
      'worker',
      'schedules serve',
    ]);
  });

  test('systemd/', () => {
    const lines = units.map((unit) => setting(unit, 'ExecStart').split(' '));
    expect(lines.map(([program, ...argv]) => [program, takeCommandLine(argv)])).toEqual(
      ['worker', 'schedules serve', 'server', 'worker'].map((name) => ['/usr/local/bin/recipe', name]),
    );
  });

  test.each([
    { file: 'operations.md', least: 4 },
    { file: 'airflow.md', least: 2 },
    { file: 'fleet.md', least: 3 },
    { file: 'schedules.md', least: 3 },
  ])('docs/$file', ({ file, least }) => {
    const lines = recipeLinesOf(readFileSync(join(ROOT, 'docs', file), 'utf8'));
    expect(lines.length).toBeGreaterThanOrEqual(least);
    // Throws what is wrong with the first that is not taken.
    expect(lines.map(takeCommandLine)).not.toContain('');
  });

  test('an option that there is not is noticed', () => {
    const [argv = []] = recipeLinesOf('```\n$ X=1 recipe worker --drian 5m   # why\n```\n');
    expect(argv).toEqual(['worker', '--drian', '5m']);
    expect(() => takeCommandLine(argv)).toThrow('did you mean --drain?');
  });
});

describe('what is asked of a container is there', () => {
  test('the server answers its probes, by whatever name it is called', async () => {
    const { args, ports, startupProbe, livenessProbe, readinessProbe } = containerOf('server');
    const port = args[args.indexOf('--port') + 1];
    expect(ports).toEqual([{ name: 'http', containerPort: Number(port) }]);
    const [command, ...rest] = args.filter(
      (_, at) => ![args.indexOf('--port'), args.indexOf('--port') + 1].includes(at),
    );
    expect(command).toBe('server');
    await using rig = await CliRig.create();
    await using server = await ServerProcess.start(rig, ...rest);
    for (const probe of [startupProbe, livenessProbe, readinessProbe]) {
      expect(probe?.httpGet.port).toBe('http');
      // As a kubelet does, by the address of the pod.
      const answer = await fetch(`${server.url}${probe?.httpGet.path}`, {
        headers: { host: '10.1.2.3:5000' },
      });
      expect(answer.status).toBe(200);
    }
    expect(read('compose.yaml')).toContain(`http://127.0.0.1:${port}${readinessProbe.httpGet.path}`);
  });

  test('a worker answers its probe', async () => {
    const { args, ports, readinessProbe } = containerOf('worker');
    expect(ports).toEqual([{ name: 'metrics', containerPort: Number(args[args.indexOf('--metrics') + 1]) }]);
    expect(readinessProbe.httpGet.port).toBe('metrics');
    await using metrics = await MetricsServer.listen(0);
    const answer = await fetch(new URL(readinessProbe.httpGet.path, metrics.url));
    expect(answer.status).toBe(200);
  });

  test('it is not root, may do nothing more, and has its limits', () => {
    expect(workloads.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      'StatefulSet server',
      'Deployment worker',
      'StatefulSet schedules',
    ]);
    for (const { spec } of workloads) {
      const pod = spec.template.spec;
      expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 });
      for (const { securityContext, resources } of [...pod.containers, ...(pod.initContainers ?? [])]) {
        expect(securityContext).toMatchObject({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
        for (const which of [resources.limits, resources.requests])
          expect(Object.keys(which)).toEqual(expect.arrayContaining(['cpu', 'memory']));
      }
    }
    expect(read('Dockerfile')).toMatch(/^USER 1000:1000$/m);
  });
});

describe('a scheduler finds its project, the ledger and what its ticks need', () => {
  const NEEDED = ['STOCKPOT_DATABASE_URL', 'STOCKPOT_REDIS_URL', 'STOCKPOT_REMOTE'];

  test('compose.yaml: in a folder of the machine, when it is asked for', () => {
    const { working_dir: dir, environment = {}, volumes, profiles } = compose.services['schedules'] ?? {};
    expect(Object.keys(environment)).toEqual(NEEDED);
    expect([volumes, profiles]).toEqual([[`\${PROJECT_DIR:-./project}:${dir}`], ['schedules']]);
  });

  test('kubernetes/: in a checkout on a disk of its own', () => {
    const { workingDir, env = [], envFrom = [], volumeMounts = [] } = containerOf('schedules');
    expect(env.map(({ name }) => name)).toEqual(['STOCKPOT_REMOTE', 'STOCKPOT_DATABASE_URL']);
    expect(envFrom).toEqual([{ secretRef: { name: 'stockpot-worker' } }]);
    const [checkout] =
      workloads.find(({ metadata }) => metadata.name === 'schedules')?.spec.template.spec.initContainers ??
      [];
    expect(volumeMounts.map(({ mountPath }) => mountPath)).toContain(dirname(workingDir ?? ''));
    expect(checkout?.volumeMounts).toEqual(volumeMounts);
    expect(checkout?.args.join(' ')).toContain(`git clone "$PROJECT_GIT" ${workingDir}`);
    expect(read('kubernetes/kustomization.yaml')).toContain('PROJECT_GIT=');
  });
});

describe('a worker that is told to end has the time that --drain promises', () => {
  const drainOf = (argv: readonly string[]): number =>
    parseDuration(argv[argv.indexOf('--drain') + 1] ?? '') ?? NaN;

  test('compose.yaml', () => {
    const { command = [], stop_grace_period: grace = '' } = compose.services['worker'] ?? {};
    expect(parseDuration(grace)).toBeGreaterThanOrEqual(drainOf(command) + END_MS);
  });

  test('kubernetes/', () => {
    const worker = workloads.find(({ metadata }) => metadata.name === 'worker');
    const seconds = worker?.spec.template.spec.terminationGracePeriodSeconds ?? 0;
    expect(seconds * 1000).toBeGreaterThanOrEqual(drainOf(containerOf('worker').args) + END_MS);
  });

  test('systemd/, and TERM goes to the worker alone', () => {
    const unit = 'systemd/stockpot-worker.service';
    const stop = setting(unit, 'TimeoutStopSec').replace(/min$/, 'm');
    expect(parseDuration(stop)).toBeGreaterThanOrEqual(
      drainOf(setting(unit, 'ExecStart').split(' ')) + END_MS,
    );
    expect([setting(unit, 'KillMode'), setting(unit, 'KillSignal')]).toEqual(['mixed', 'SIGTERM']);
  });
});

test('each variable that a file of deploy/ names is one that the program reads', () => {
  const files = globSync('**/*', { cwd: DEPLOY, withFileTypes: true }).filter((entry) => entry.isFile());
  const text = files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'utf8')).join('\n');
  const named = new Set(Array.from(text.matchAll(/\bSTOCKPOT_[A-Z_]+/g), ([name]) => name));
  const source = globSync('src/**/*.ts', { cwd: ROOT })
    .map((file) => readFileSync(join(ROOT, file), 'utf8'))
    .join('\n');
  expect(named.size).toBeGreaterThan(5);
  expect([...named].filter((name) => !source.includes(`'${name}'`))).toEqual([]);
});

test('Redis keeps what it is given: the policy that a run asks for, and a log', () => {
  const command = compose.services['redis']?.command?.join(' ');
  expect(command).toContain('--maxmemory-policy noeviction --appendonly yes');
});

test('what the image is built from is there', () => {
  const sources = Array.from(read('Dockerfile').matchAll(/^COPY (?!--from)(.+) \S+$/gm), ([, paths = '']) =>
    paths.split(' '),
  ).flat();
  expect(sources.length).toBeGreaterThan(6);
  expect(sources.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  const sent = new Set(Array.from(read('Dockerfile.dockerignore').matchAll(/^!(.+)$/gm), ([, path]) => path));
  expect(sources.filter((path) => !sent.has(path))).toEqual([]);
});

test.skipIf(!has('systemd-analyze'))('systemd finds nothing wrong with the units', () => {
  const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
  try {
    // The program itself has to be there.
    for (const unit of units)
      writeFileSync(
        join(dir, unit.replace('systemd/', '')),
        read(unit).replace('/usr/local/bin/recipe', join(ROOT, 'bin/recipe.js')),
      );
    const paths = globSync('*.service', { cwd: dir }).map((unit) => join(dir, unit));
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', ...paths], {
      encoding: 'utf8',
    });
    // What it says of this machine's own units is none of ours.
    expect([
      status,
      stderr.split('\n').filter((line) => line.includes(dir) || line.includes('stockpot')),
    ]).toEqual([0, []]);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test.skipIf(!has('kubectl'))('kustomize puts the manifests together, with the secrets of two files', () => {
  const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
  try {
    cpSync(join(DEPLOY, 'kubernetes'), dir, { recursive: true });
    for (const name of ['server', 'worker']) writeFileSync(join(dir, `${name}.env`), 'STOCKPOT_X=1\n');
    const built = execFileSync('kubectl', ['kustomize', dir], { encoding: 'utf8' });
    const kinds = parseAllDocuments(built).map((one) => (one.toJS() as Workload).kind);
    expect(kinds.toSorted()).toEqual([
      'ConfigMap',
      'Deployment',
      'Namespace',
      'Secret',
      'Secret',
      'Service',
      'Service',
      'StatefulSet',
      'StatefulSet',
    ]);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

/** Without it a test is skipped; why is said here, as the usual report counts alone. */
function has(program: string): boolean {
  const found = spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
  if (!found) process.stderr.write(`A test of deploy/ is skipped: there is no ${program}\n`);
  return found;
}
