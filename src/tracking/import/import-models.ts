import type { Digest } from '../../core/ids.ts';
import type { Sql } from '../../db/sql.ts';
import { audit, type Change } from '../mlflow/audit.ts';
import { firstNumber, resumeNumbers } from '../mlflow/model-numbers.ts';
import { aliasedVersion } from '../mlflow/model-versions.ts';
import { modelExists } from '../mlflow/require-model.ts';
import { protectionsOf } from '../protection/protections.ts';
import type { FindingKind } from './findings.ts';
import { emptyTally, type ImportTarget, type Tally } from './import-target.ts';
import { isElsewhere } from './local-folder.ts';
import type { MlflowSource } from './mlflow-source.ts';
import type { SourceModel, SourceVersion } from './source-records.ts';

const ROOT = 'mlflow-artifacts:';

/** Where a version's files are here. */
interface Found {
  readonly source: string;
  readonly digest?: Digest;
  readonly size?: number;
}

/** Registered models with their versions, after the runs and logged models that those come from. */
export async function importModels(
  target: ImportTarget,
  source: MlflowSource,
): Promise<{ models: Tally; versions: Tally }> {
  const [models, versions] = [emptyTally(), emptyTally()];
  for await (const page of source.models())
    for (const model of page) await importModel(target, model, models, versions);
  return { models, versions };
}

async function importModel(
  target: ImportTarget,
  model: SourceModel,
  models: Tally,
  versions: Tally,
): Promise<void> {
  const { database, isDryRun, findings } = target;
  const { name } = model;
  // oxlint-disable-next-line no-control-regex
  if (name.trim() === '' || name.length > 256 || /[/:%\u0000-\u001f]/.test(name)) {
    findings.add('skipped', 'registered model whose name is none here', name);
    return;
  }
  const places = new Map<number, Found>();
  for (const version of model.versions) places.set(version.version, await placeOf(target, version));
  const work = async (sql: Sql): Promise<{ models: Tally; versions: Tally; notes: readonly Note[] }> =>
    writeModel(sql, target, model, places);
  const done = await (isDryRun ? database.read(work) : database.write(work));
  for (const { digest } of places.values()) if (digest !== undefined) await target.files.keepModel(digest);
  for (const key of ['imported', 'there', 'conflicts'] as const) {
    models[key] += done.models[key];
    versions[key] += done.versions[key];
  }
  for (const { kind, problem, of } of done.notes) findings.add(kind, problem, of);
}

interface Note {
  readonly kind: FindingKind;
  readonly problem: string;
  /** A model, version or alias. */
  readonly of: string;
}

function another(of: string): Note {
  return { kind: 'conflict', problem: 'a registered model or version of the same name is another here', of };
}

async function writeModel(
  sql: Sql,
  target: ImportTarget,
  model: SourceModel,
  places: ReadonlyMap<number, Found>,
): Promise<{ models: Tally; versions: Tally; notes: readonly Note[] }> {
  const { isDryRun, change } = target;
  const [models, versions] = [emptyTally(), emptyTally()];
  const notes: Note[] = [];
  const { name } = model;
  const isThere = await modelExists(sql, name);
  models[isThere ? 'there' : 'imported'] += 1;
  const first = await firstNumber(sql, name);
  if (!isDryRun) {
    const next = 1 + Math.max(0, ...model.versions.map(({ version }) => version));
    await sql.run(
      `INSERT INTO registered_models (name, creation_time, last_updated_time, description, user_id, next_version)
       VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET next_version = excluded.next_version
       WHERE registered_models.next_version < excluded.next_version`,
      name,
      model.createdAt,
      model.updatedAt,
      model.description ?? null,
      '',
      next,
    );
    await resumeNumbers(sql, name);
    if (!isThere) await audit(sql, change, { action: 'create', name, before: null, after: null });
    for (const tag of model.tags) {
      const added = await sql.run(
        'INSERT INTO registered_model_tags (name, key, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
        name,
        tag.key,
        tag.value,
      );
      if (isThere && added > 0)
        await audit(sql, change, { action: `tag ${tag.key}`, name, before: null, after: tag.value });
    }
  }
  const isProtected = new Set((await protectionsOf(sql, name)).map(({ alias }) => alias));
  const here = new Set<number>();
  for (const version of model.versions) {
    const place = places.get(version.version) ?? { source: version.source };
    const found = await versionHere(sql, name, version, { place, first });
    if (found === 'other') {
      versions.conflicts += 1;
      notes.push(another(`${name}/${version.version}`));
      continue;
    }
    versions[found === 'same' ? 'there' : 'imported'] += 1;
    if (!version.isDeleted) here.add(version.version);
    if (found !== 'none') continue;
    const isStaged = version.stage !== 'None' && !version.isDeleted;
    if (isStaged && isProtected.size > 0)
      notes.push({
        kind: 'changed',
        problem: 'version of a protected model, which comes without its stage',
        of: `${name}/${version.version}: ${version.stage}`,
      });
    const stage = isProtected.size > 0 ? 'None' : version.stage;
    if (!isDryRun) await addVersion(sql, name, { ...version, stage }, { place, change });
  }
  for (const { alias, version } of model.aliases) {
    const now = await aliasedVersion(sql, name, alias);
    if (now !== undefined && now !== String(version)) notes.push(another(`${name}@${alias}`));
    if (now !== undefined || !here.has(version)) continue;
    if (isProtected.has(alias)) {
      notes.push({ kind: 'skipped', problem: 'alias that is protected here', of: `${name}@${alias}` });
      continue;
    }
    if (isDryRun) continue;
    await sql.run(
      'INSERT INTO registered_model_aliases (name, alias, version) VALUES (?, ?, ?)',
      name,
      alias,
      version,
    );
    await audit(sql, change, { action: `alias ${alias}`, name, before: null, after: String(version) });
  }
  return { models, versions, notes };
}

/** Whether a version is here already; `other` if its number is that of another one, also of one that there was. */
async function versionHere(
  sql: Sql,
  name: string,
  { version, isDeleted, createdAt }: SourceVersion,
  { place, first }: { place: Found; first: number },
): Promise<'same' | 'other' | 'none'> {
  const row = await sql.get('SELECT * FROM model_versions WHERE name = ? AND version = ?', name, version);
  if (row === undefined) return version < first ? 'other' : 'none';
  const isSame =
    Number(row['deleted']) === (isDeleted ? 1 : 0) &&
    (isDeleted || (row['source'] === place.source && row['creation_time'] === createdAt));
  return isSame ? 'same' : 'other';
}

async function addVersion(
  sql: Sql,
  name: string,
  version: SourceVersion,
  { place, change }: { place: Found; change: Change },
): Promise<void> {
  await sql.run(
    `INSERT INTO model_versions (name, version, model_digest, model_size, run_id, description, creation_time, last_updated_time, user_id, source, run_link, current_stage, status, deleted)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    name,
    version.version,
    place.digest ?? null,
    place.size ?? null,
    version.isDeleted ? null : (version.runId ?? null),
    version.isDeleted ? null : (version.description ?? null),
    version.createdAt,
    version.updatedAt,
    version.user,
    version.isDeleted ? null : place.source,
    version.isDeleted ? null : (version.runLink ?? null),
    version.stage,
    version.status,
    version.isDeleted ? 1 : 0,
  );
  for (const { key, value } of version.isDeleted ? [] : version.tags)
    await sql.run(
      'INSERT INTO model_version_tags (name, version, key, value) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
      name,
      version.version,
      key,
      value,
    );
  await audit(sql, change, { action: 'import', name, before: null, after: String(version.version) });
}

/**
 * A version's files as this server names them: those of a run or a logged model that is here. A place in
 * another store stays; so does one that leads nowhere here, and is told.
 */
async function placeOf(target: ImportTarget, version: SourceVersion): Promise<Found> {
  const { database, files, findings, isDryRun } = target;
  const { source, storage } = version;
  if (version.isDeleted || isDryRun) return { source };
  const at = [storage ?? source, source].find(
    (one) => OF_MODEL.test(one) || OF_RUN.test(one) || RUNS.test(one),
  );
  // Of a prompt: no place at all.
  if (at === undefined && /^[\w-]+$/.test(source)) return { source };
  if (isElsewhere(storage ?? source) && !/^(?:runs|models):/.test(storage ?? source))
    return { source: storage ?? source };
  const path = at === undefined ? undefined : await pathOf(database, at);
  if (path === undefined) {
    findings.add(
      'changed',
      'model version whose files are at a place that is not imported',
      `version ${version.version}: ${source}`,
    );
    return { source };
  }
  const content = await files.digestOf(path);
  return { source: `${ROOT}/${path}`, ...content };
}

const OF_MODEL = /(?:\/models\/|^models:\/)(m-[0-9a-f]{32})(?:\/artifacts)?(?:\/(.+))?$/;
const OF_RUN = /\/([0-9a-f]{32})\/artifacts\/(.+)$/;
const RUNS = /^runs:\/+([^/]+)\/(.+)$/;

async function pathOf(database: ImportTarget['database'], at: string): Promise<string | undefined> {
  const [, model, below] = OF_MODEL.exec(at) ?? [];
  const [, id, path] = (OF_RUN.exec(at) ?? RUNS.exec(at) ?? []) as (string | undefined)[];
  const row = await database.read((sql) =>
    model === undefined
      ? sql.get(
          `SELECT e.experiment_id, e.artifact_location FROM runs r JOIN experiments e USING (experiment_id) WHERE r.run_uuid = ?`,
          id ?? '',
        )
      : sql.get(
          `SELECT e.experiment_id, e.artifact_location FROM logged_models m JOIN experiments e USING (experiment_id) WHERE m.model_id = ?`,
          model,
        ),
  );
  if (row === undefined) return undefined;
  const own = row['artifact_location'];
  const root = typeof own === 'string' ? own : `${ROOT}/${String(row['experiment_id'])}`;
  if (!root.startsWith(`${ROOT}/`)) return undefined;
  const folder = root.slice(ROOT.length + 1);
  return model === undefined
    ? `${folder}/${id}/artifacts/${path}`
    : `${folder}/models/${model}/artifacts${below === undefined ? '' : `/${below}`}`;
}
