import type { Sql } from '../../db/sql.ts';
import { checkAlias } from '../limits.ts';
import { audit, type Change } from '../mlflow/audit.ts';
import { invalid, MlflowError, missing } from '../mlflow/mlflow-error.ts';
import { lockModel } from '../mlflow/require-model.ts';
import { requireApprovers } from './approvers.ts';
import { endWishes } from './promotion.ts';

/** An alias of a registered model that moves only when somebody else approves. */
export interface Protection {
  readonly alias: string;
  /** What a version must have shown before anybody may ask for it; null: nothing. */
  readonly requires: 'validated' | null;
  /** `user:bob`, `group:risk`: who may approve. */
  readonly approvers: readonly string[];
}

/** @throws MlflowError INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST */
export async function protect(
  sql: Sql,
  name: string,
  { alias, requires, approvers }: Protection,
  change: Change,
): Promise<void> {
  checkAlias(alias);
  if (approvers.length === 0) throw invalid('A protected alias needs somebody who approves.');
  const strange = approvers.find((one) => !/^(?:user|group):./.test(one));
  if (strange !== undefined) throw invalid(`${JSON.stringify(strange)} is not user:NAME or group:NAME.`);
  // Before the model, as who deletes an approver locks them in that order.
  await requireApprovers(sql, approvers);
  await lockModel(sql, name);
  const before = await protectionOf(sql, name, alias);
  await sql.run('DELETE FROM protections WHERE name = ? AND alias = ?', name, alias);
  await sql.run('INSERT INTO protections (name, alias, requires) VALUES (?, ?, ?)', name, alias, requires);
  for (const principal of new Set(approvers))
    await sql.run(
      'INSERT INTO protection_approvers (name, alias, principal) VALUES (?, ?, ?)',
      name,
      alias,
      principal,
    );
  await audit(sql, change, {
    action: `protect ${alias}`,
    name,
    before: before === undefined ? null : inWords(before),
    after: inWords({ alias, requires, approvers }),
  });
}

/** @throws MlflowError RESOURCE_DOES_NOT_EXIST */
export async function unprotect(sql: Sql, name: string, alias: string, change: Change): Promise<void> {
  await lockModel(sql, name);
  const before = await protectionOf(sql, name, alias);
  if (before === undefined) throw missing(`The alias ${alias} of ${name} is not protected`);
  await sql.run('DELETE FROM protections WHERE name = ? AND alias = ?', name, alias);
  await audit(sql, change, { action: `protect ${alias}`, name, before: inWords(before), after: null });
  // A later protection, which may ask for less, is not what they waited for.
  await endWishes(sql, name, { alias }, change);
}

/**
 * Takes somebody who goes out of all protections. Whoever deletes them has locked them.
 *
 * @throws MlflowError INVALID_PARAMETER_VALUE if nobody else could approve then
 */
export async function removeApprover(sql: Sql, principal: string, change: Change): Promise<void> {
  const models = await sql.all(
    'SELECT DISTINCT name FROM protection_approvers WHERE principal = ? ORDER BY name',
    principal,
  );
  for (const row of models) {
    const name = String(row['name']);
    await lockModel(sql, name);
    for (const before of await protectionsOf(sql, name)) {
      if (!before.approvers.includes(principal)) continue;
      const approvers = before.approvers.filter((one) => one !== principal);
      if (approvers.length === 0)
        throw invalid(
          `${principal} alone approves the alias ${before.alias} of ${name}: name another approver first, or end the protection.`,
        );
      await sql.run(
        'DELETE FROM protection_approvers WHERE name = ? AND alias = ? AND principal = ?',
        name,
        before.alias,
        principal,
      );
      await audit(sql, change, {
        action: `protect ${before.alias}`,
        name,
        before: inWords(before),
        after: inWords({ ...before, approvers }),
      });
    }
  }
}

export async function protectionsOf(sql: Sql, name: string): Promise<Protection[]> {
  const rows = await sql.all('SELECT alias, requires FROM protections WHERE name = ? ORDER BY alias', name);
  const approvers = await sql.all(
    'SELECT alias, principal FROM protection_approvers WHERE name = ? ORDER BY principal',
    name,
  );
  return rows.map((row) => ({
    alias: String(row['alias']),
    requires: row['requires'] as 'validated' | null,
    approvers: approvers
      .filter(({ alias }) => alias === row['alias'])
      .map(({ principal }) => String(principal)),
  }));
}

export async function protectionOf(sql: Sql, name: string, alias: string): Promise<Protection | undefined> {
  return (await protectionsOf(sql, name)).find((one) => one.alias === alias);
}

/** @throws MlflowError PERMISSION_DENIED if the alias moves only with an approval */
export async function requireUnprotected(sql: Sql, name: string, alias: string): Promise<void> {
  const found = await protectionOf(sql, name, alias);
  if (found !== undefined)
    throw new MlflowError(
      'PERMISSION_DENIED',
      `The alias ${alias} of ${name} is protected: it moves when ${found.approvers.join(' or ')} approves. Ask with \`recipe models promote\`.`,
    );
}

/**
 * Refuses what would go round the protection of any alias of a model: another name, a stage, deletion.
 *
 * @throws MlflowError PERMISSION_DENIED
 */
export async function requireNoProtection(sql: Sql, name: string, what: string): Promise<void> {
  const [first] = await protectionsOf(sql, name);
  if (first !== undefined)
    throw new MlflowError(
      'PERMISSION_DENIED',
      `${what} is refused: the alias ${first.alias} of ${name} is protected. Who manages the model can end that with \`recipe models unprotect\`.`,
    );
}

/** @throws MlflowError PERMISSION_DENIED if a protected alias points to the version */
export async function requireNotAliased(sql: Sql, name: string, version: number): Promise<void> {
  const row = await sql.get(
    'SELECT a.alias FROM registered_model_aliases a JOIN protections p USING (name, alias) WHERE a.name = ? AND a.version = ?',
    name,
    version,
  );
  if (row !== undefined)
    throw new MlflowError(
      'PERMISSION_DENIED',
      `Version ${version} of ${name} cannot be deleted: its alias ${String(row['alias'])} is protected.`,
    );
}

function inWords({ requires, approvers }: Protection): string {
  return `${requires === null ? '' : `requires ${requires}, `}approved by ${approvers.join(', ')}`;
}
