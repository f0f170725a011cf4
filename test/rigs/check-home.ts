import { createHash } from 'node:crypto';
import { existsSync, globSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { RunEvent } from '../../src/core/events.ts';
import type { Result } from '../../src/store/results.ts';

export interface Expectations {
  /** The cache, if it lies elsewhere. */
  readonly cache?: string;
  /** Values that must stand nowhere below the home. */
  readonly secrets?: readonly string[];
  /** Bytes were damaged on purpose: what is damaged is a miss, and no violation. */
  readonly damaged?: boolean;
  /** Results were collected: what was committed may be executed again. */
  readonly collected?: boolean;
}

/**
 * What of the promises a STOCKPOT_HOME breaks, in words, once a command has ended well in it. It reads the
 * files as they lie, not through the program: event logs, store and tracking.db.
 */
export function checkHome(home: string, expectations: Expectations = {}): string[] {
  const cache = expectations.cache ?? join(home, 'cache');
  const journals = readJournals(home);
  return [
    ...(expectations.damaged === true ? [] : checkStore(cache)),
    ...journals.flatMap(checkJournal),
    ...(expectations.damaged === true || expectations.collected === true
      ? []
      : checkNothingRepeated(journals)),
    ...checkTracking(home, cache, journals, expectations.damaged === true),
    ...checkResidue(home),
    ...checkSecrets([home, cache], expectations.secrets ?? []),
  ];
}

/** Fingerprints whose result is there with all that it names, every byte of it, and the step that each is of. */
export function completeResults(cache: string): ReadonlyMap<string, string> {
  return new Map(
    resultPaths(cache)
      .filter((path) => problemsOf(cache, path).length === 0)
      .map((path) => [basename(path), (JSON.parse(readFileSync(path, 'utf8')) as Result).producer.step]),
  );
}

interface Journal {
  readonly run: string;
  readonly events: readonly RunEvent[];
}

export function readJournals(home: string): Journal[] {
  const runs = existsSync(join(home, 'runs')) ? readdirSync(join(home, 'runs')).toSorted() : [];
  return runs.map((run) => {
    const path = join(home, 'runs', run, 'events-1.jsonl');
    const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
    return { run, events: lines.flatMap((line) => parsed<RunEvent>(line)) };
  });
}

/** What holds at every moment, also right after a crash. */
export function checkStore(cache: string): string[] {
  return [...checkBlobs(cache), ...checkResults(cache)];
}

/** I3: a blob holds what its name says. */
export function checkBlobs(cache: string): string[] {
  return shards(join(cache, 'cas')).flatMap((path) =>
    sha256(readFileSync(path)) === basename(path) ? [] : [`I3 the blob ${basename(path)} holds other bytes`],
  );
}

/** I5: a result that can be seen has all that it names. */
function checkResults(cache: string): string[] {
  return resultPaths(cache).flatMap((path) => problemsOf(cache, path));
}

function problemsOf(cache: string, path: string): string[] {
  const about = `I5 the result ${basename(path)}`;
  const [result] = parsed<Result>(readFileSync(path, 'utf8'));
  if (result?.fingerprint !== basename(path) || !isWhole(result)) return [`${about} is torn`];
  const missing = (digest: string, size?: number): string[] => {
    const blob = blobPath(cache, digest);
    if (!existsSync(blob)) return [`${about} of ${result.producer.step} lacks the blob ${digest}`];
    if (size !== undefined && statSync(blob).size !== size)
      return [`${about} names ${digest} with another size`];
    return sha256(readFileSync(blob)) === digest ? [] : [`${about} names ${digest}, which is damaged`];
  };
  // A list that is damaged itself names whatever its bytes say now.
  const inFolder = (digest: string): string[] => {
    const ofList = missing(digest);
    if (ofList.length > 0) return ofList;
    return filesOfTree(cache, digest).flatMap((file) => missing(file.digest, file.size));
  };
  return [
    ...Object.values(result.outputs).flatMap(({ digest, size, kind }) =>
      kind === 'model' || kind === 'directory' ? inFolder(digest) : missing(digest, size),
    ),
    ...[result.report, result.log].flatMap((ref) => (ref === undefined ? [] : missing(ref.digest, ref.size))),
  ];
}

/** Whether all is there that is read of a result here: a flipped bit may have given a key another name. */
function isWhole({ outputs, report, log, producer }: Partial<Result>): boolean {
  const parts = [...Object.values(outputs ?? {}), report, log].filter((one) => one !== undefined);
  return (
    outputs !== undefined &&
    typeof producer?.step === 'string' &&
    parts.every(({ digest, size }) => typeof digest === 'string' && typeof size === 'number')
  );
}

/** I1: a run ends once and nothing comes after; a step ends once, but for one that was wound back. */
function checkJournal({ run, events }: Journal): string[] {
  const found: string[] = [];
  if (events.length === 0) return found;
  if (events[0]?.type !== 'run.started') found.push(`I1 run ${run} does not begin with run.started`);
  events.forEach(({ seq }, at) => {
    if (seq !== at + 1) found.push(`I1 run ${run} has seq ${seq} where ${at + 1} belongs`);
  });
  const ends = events.filter(({ type }) => type === 'run.finished').length;
  if (ends !== 1 || events.at(-1)?.type !== 'run.finished') found.push(`I1 run ${run} ends ${ends} times`);
  const ended = new Map<string, string>();
  for (const event of events) {
    if (event.type === 'step.rewound') ended.delete(event.step);
    if (!/^step\.(?:succeeded|cached|failed|skipped|cancelled)$/.test(event.type) || !('step' in event))
      continue;
    const step = String(event.step);
    if (ended.has(step)) found.push(`I1 ${step} of ${run} is ${event.type} after ${ended.get(step)}`);
    ended.set(step, event.type);
  }
  return found;
}

/** I4: what was committed is not executed again by a run that begins later. */
function checkNothingRepeated(journals: readonly Journal[]): string[] {
  const committedAt = new Map<string, { at: number; run: string }>();
  for (const { run, events } of journals)
    for (const event of events)
      if (event.type === 'step.succeeded' && event.published && !committedAt.has(event.fingerprint))
        committedAt.set(event.fingerprint, { at: event.at, run });
  return journals.flatMap(({ run, events }) =>
    events.flatMap((event) => {
      if (event.type !== 'step.started') return [];
      const committed = committedAt.get(event.fingerprint);
      const began = events[0]?.at ?? 0;
      return committed !== undefined && committed.run !== run && committed.at < began
        ? [`I4 ${event.step} of ${run} runs again: ${committed.run} had committed it`]
        : [];
    }),
  );
}

/** I1, I2: tracked runs are closed as their journals say; a version exists once, with its blobs and a pin. */
function checkTracking(
  home: string,
  cache: string,
  journals: readonly Journal[],
  isDamaged: boolean,
): string[] {
  const path = join(home, 'tracking.db');
  if (!existsSync(path)) return [];
  const db = new DatabaseSync(path);
  try {
    const all = (sql: string): Record<string, unknown>[] => db.prepare(sql).all();
    const pinned = new Set(
      globSync('*/*', { cwd: join(cache, 'roots') }).flatMap((name) =>
        readFileSync(join(cache, 'roots', name), 'utf8')
          .split('\n')
          .map((line) => line.split(' ')[0]),
      ),
    );
    const outcomes = new Map(
      journals.map(({ run, events }) => {
        const last = events.at(-1);
        return [sha256(run).slice(0, 32), last?.type === 'run.finished' ? last.outcome : 'interrupted'];
      }),
    );
    return [
      ...all('PRAGMA integrity_check').flatMap((row) =>
        row['integrity_check'] === 'ok' ? [] : [`tracking.db: ${String(row['integrity_check'])}`],
      ),
      ...all("SELECT run_uuid, name FROM runs WHERE status = 'RUNNING'").map(
        (row) => `I1 the tracked run ${String(row['name'])} is still RUNNING`,
      ),
      ...all('SELECT run_uuid, name, status FROM runs').flatMap((row) => {
        const outcome = outcomes.get(String(row['run_uuid']));
        const agrees = outcome === undefined || (outcome === 'succeeded') === (row['status'] === 'FINISHED');
        return agrees ? [] : [`I1 ${String(row['name'])} is ${String(row['status'])}, its run ${outcome}`];
      }),
      ...all(
        'SELECT name, model_digest, count(*) AS n FROM model_versions GROUP BY name, model_digest HAVING n > 1',
      ).map((row) => `I2 ${String(row['name'])} has ${String(row['n'])} versions of one model`),
      ...all(
        "SELECT m.name, next_version - 1 AS given, (SELECT count(*) FROM model_versions v WHERE v.name = m.name) AS versions, (SELECT count(*) FROM audit a WHERE a.name = m.name AND action = 'register') AS audited FROM registered_models m",
      ).flatMap((row) =>
        row['given'] === row['versions'] && row['audited'] === row['versions']
          ? []
          : [`I2 ${String(row['name'])}: ${JSON.stringify(row)} should be one number`],
      ),
      ...all(
        "SELECT path, digest FROM artifacts WHERE kind IN ('model', 'metrics', 'value') OR path = 'steps.json'",
      ).flatMap((row) =>
        isDamaged || existsSync(blobPath(cache, String(row['digest'])))
          ? []
          : [`I5 the artifact ${String(row['path'])} of a tracked run is lost`],
      ),
      ...all('SELECT name, version, model_digest FROM models_by_digest').flatMap((row) => {
        const digest = String(row['model_digest']);
        const about = `${String(row['name'])} version ${String(row['version'])}`;
        const files = existsSync(blobPath(cache, digest)) ? filesOfTree(cache, digest) : undefined;
        return [
          ...(pinned.has(digest) ? [] : [`I2 ${about} is not pinned`]),
          ...(isDamaged || files?.every((file) => existsSync(blobPath(cache, file.digest))) === true
            ? []
            : [`I5 ${about} lacks its model`]),
        ];
      }),
    ];
  } finally {
    db.close();
  }
}

/** I10: no run passes for a living one, and no process of an attempt lives on. */
function checkResidue(home: string): string[] {
  const active = existsSync(join(home, 'active')) ? readdirSync(join(home, 'active')) : [];
  const marks = active.filter((name) => !name.startsWith('.')).map((run) => `I10 ${run} passes for alive`);
  const processes = globSync('attempts/*/process.json', { cwd: home }).flatMap((name) => {
    const [record] = parsed<{ pid: number; startedAt: string }>(readFileSync(join(home, name), 'utf8'));
    return record !== undefined && startOf(record.pid) === record.startedAt
      ? [`I10 process ${record.pid} of ${name} lives on`]
      : [];
  });
  const strays = readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && environmentOf(pid).includes(`STOCKPOT_STEP=${home}/attempts/`))
    .map((pid) => `I10 process ${pid} of an attempt lives on`);
  return [...marks, ...processes, ...strays];
}

/** I9: a secret stands nowhere, in none of its usual forms. */
function checkSecrets(roots: readonly string[], secrets: readonly string[]): string[] {
  if (secrets.length === 0) return [];
  const forms = secrets.flatMap((secret) => [
    Buffer.from(secret),
    Buffer.from(Buffer.from(secret).toString('base64').replace(/=+$/, '')),
    Buffer.from(encodeURIComponent(secret)),
    Buffer.from(JSON.stringify(secret).slice(1, -1)),
  ]);
  const files = new Set(
    roots.flatMap((root) =>
      globSync('**/*', { cwd: root, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name)),
    ),
  );
  return [...files].flatMap((path) => {
    const bytes = readFileSync(path);
    return forms.some((form) => bytes.includes(form)) ? [`I9 a secret stands in ${path}`] : [];
  });
}

function filesOfTree(cache: string, digest: string): { digest: string; size: number }[] {
  const path = blobPath(cache, digest);
  if (!existsSync(path)) return [];
  const [tree] = parsed<{ files: { digest: string; size: number }[] }>(readFileSync(path, 'utf8'));
  return tree?.files ?? [];
}

function resultPaths(cache: string): string[] {
  return shards(join(cache, 'results'));
}

function shards(root: string): string[] {
  return globSync('[0-9a-f][0-9a-f]/*', { cwd: root })
    .filter((name) => /\/[0-9a-f]{64}$/.test(name))
    .map((name) => join(root, name));
}

function blobPath(cache: string, digest: string): string {
  return join(cache, 'cas', digest.slice(0, 2), digest);
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

function startOf(pid: number): string | undefined {
  const path = `/proc/${pid}/stat`;
  const fields = existsSync(path)
    ? readFileSync(path, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')
    : [];
  // One that has ended may wait for its parent to ask.
  return fields[0] === 'Z' ? undefined : fields[19];
}

function environmentOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    // Gone meanwhile, or somebody else's.
    return '';
  }
}

function parsed<T>(text: string): T[] {
  try {
    return text === '' ? [] : [JSON.parse(text) as T];
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}
