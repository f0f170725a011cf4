import type { Sql } from '../db/sql.ts';
import { REPRODUCTION_TAG } from '../engine/reproduction.ts';
import { permissionOn } from '../tracking/access/grants.ts';
import { includes, PERMISSIONS } from '../tracking/access/permission.ts';
import { experimentNumber } from '../tracking/mlflow/check.ts';
import { inList, listOf } from '../tracking/mlflow/in-list.ts';
import { basesOf } from './artifact-place.ts';
import type { Asking, Need } from './policy.ts';

/** How places of experiments of their own begin, where they are this server's. */
const PROXY = 'mlflow-artifacts:/';

const OF_REPRODUCTION = ` OR EXISTS (SELECT 1 FROM model_version_tags t
  WHERE model_versions.source = 'mlflow-artifacts:/models/' || model_versions.model_digest AND t.name = model_versions.name AND t.version = model_versions.version AND t.key = ? AND t.value = ?)`;

/**
 * Whose a path in the space of artifacts is: of every experiment that has it, what is above it or what is
 * below it as its place. A path of no experiment is the administrators'.
 */
export async function placeOf(sql: Sql, path: string): Promise<Need['on'][]> {
  const segments = path.split('/');
  const prefixes = segments.map((_, index) => `${PROXY}${segments.slice(0, index + 1).join('/')}`);
  const rows = await sql.all(
    `SELECT experiment_id AS id FROM experiments WHERE artifact_location IN ${inList(sql, 'text')}
       OR (artifact_location >= ? AND artifact_location < ?) OR (experiment_id = ? AND artifact_location IS NULL)`,
    listOf(prefixes),
    `${PROXY}${path}/`,
    `${PROXY}${path}0`,
    numberOf(segments[0] ?? ''),
  );
  if (rows.length === 0) return [{ kind: 'server' }];
  return rows.map(({ id }) => ({ kind: 'experiment', id: String(id) }));
}

/** Where a recipe that registers at a server puts it: `reproductionPlace` of the client. */
function besideOf(sql: Sql): string {
  return ` OR (source IN ${inList(sql, 'text')} AND EXISTS (SELECT 1 FROM model_version_tags t
  WHERE t.name = model_versions.name AND t.version = model_versions.version AND t.key = ? AND substr(t.value, 1, 12) = ?))`;
}

/** The model that a path is beside, as a file of its reproduction, and how the digest of that begins. */
function besideModel(segments: readonly string[]): { model: string; digest: string } | undefined {
  const at = segments.findIndex(
    (segment, index) => segment === 'reproduction' && /^[0-9a-f]{12}$/.test(segments[index + 1] ?? ''),
  );
  const digest = segments[at + 1] ?? '';
  if (at < 1) return undefined;
  return { model: [...segments.slice(0, at), 'model'].join('/'), digest };
}

/** Whether somebody may read a path as a file of a version of a model that they may read. */
export async function isOfReadableModel(
  sql: Sql,
  { identity, root }: Asking,
  path: string,
): Promise<boolean> {
  const segments = path.split('/');
  const paths = segments.map((_, index) => segments.slice(0, index + 1).join('/'));
  const sources = basesOf(root).flatMap((base) => paths.map((one) => `${base}/${one}`));
  const [first, digest = ''] = segments;
  const beside = besideModel(segments);
  const models = beside === undefined ? [] : basesOf(root).map((base) => `${base}/${beside.model}`);
  const rows = await sql.all(
    `SELECT DISTINCT name FROM model_versions WHERE deleted = 0
       AND (source IN ${inList(sql, 'text')}${first === 'models' ? ' OR model_digest = ?' : ''}${first === 'reproductions' ? OF_REPRODUCTION : ''}${beside === undefined ? '' : besideOf(sql)})`,
    listOf(sources),
    ...(first === 'models' ? [digest] : []),
    ...(first === 'reproductions' ? [REPRODUCTION_TAG, digest] : []),
    ...(beside === undefined ? [] : [listOf(models), REPRODUCTION_TAG, beside.digest]),
  );
  for (const { name } of rows) {
    const has = await permissionOn(sql, identity, { kind: 'model', name: String(name) });
    if (includes(PERMISSIONS, has, 'READ')) return true;
  }
  return false;
}

function numberOf(segment: string): number {
  return /^\w/.test(segment) && segment.length <= 15 ? (experimentNumber(segment) ?? -1) : -1;
}
