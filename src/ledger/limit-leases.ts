import { lock } from '../db/lock.ts';
import type { Sql } from '../db/sql.ts';
import type { LimitInTheWay, LimitLease } from '../engine/limits-port.ts';

/** By the ledger's clock, milliseconds since the Unix epoch. */
interface LeaseTime {
  readonly now: number;
  readonly until: number;
}

/** What keeps a lease from being taken: a limit that as many other flights have as may. */
export async function limitInTheWay(
  sql: Sql,
  { flight, limits }: LimitLease,
  now: number,
): Promise<LimitInTheWay | undefined> {
  for (const { name, most } of limits) {
    const rows = await sql.all(
      'SELECT flight, run_id FROM limit_leases WHERE limit_name = ? AND lease_until > ? ORDER BY run_id',
      name,
      now,
    );
    const flights = new Set(rows.map((row) => String(row['flight'])));
    if (flights.size >= most && !flights.has(flight))
      return { name, runs: [...new Set(rows.map((row) => String(row['run_id'])))] };
  }
  return undefined;
}

/**
 * Takes all limits of a lease, or none, and gives what is in the way. Of any number who take at once no more get a
 * limit than may have it; those that share a flight have it together.
 */
export async function takeLimits(
  sql: Sql,
  lease: LimitLease,
  { now, until }: LeaseTime,
): Promise<LimitInTheWay | undefined> {
  // In one order, so that no two wait for each other.
  for (const name of lease.limits.map((limit) => limit.name).toSorted()) {
    await sql.run('INSERT INTO limits (limit_name) VALUES (?) ON CONFLICT DO NOTHING', name);
    await sql.get(`SELECT limit_name FROM limits WHERE limit_name = ?${lock(sql, 'change')}`, name);
    await sql.run('DELETE FROM limit_leases WHERE limit_name = ? AND lease_until <= ?', name, now);
  }
  const inTheWay = await limitInTheWay(sql, lease, now);
  if (inTheWay === undefined) await renewLimits(sql, [{ lease, until }]);
  return inTheWay;
}

/** Prolongs leases. One that lapsed is written down again, whoever has the limit meanwhile: what runs counts. */
export async function renewLimits(
  sql: Sql,
  leases: readonly { readonly lease: LimitLease; readonly until: number }[],
): Promise<void> {
  await sql.runMany(
    `INSERT INTO limit_leases (limit_name, flight, run_id, step_id, lease_until) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (limit_name, flight, run_id, step_id) DO UPDATE SET lease_until = excluded.lease_until`,
    leases.flatMap(({ lease, until }) =>
      lease.limits.map(({ name }) => [name, lease.flight, lease.run, lease.step, until]),
    ),
  );
}

export async function returnLimits(sql: Sql, { flight, run, step, limits }: LimitLease): Promise<void> {
  for (const { name } of limits)
    await sql.run(
      'DELETE FROM limit_leases WHERE limit_name = ? AND flight = ? AND run_id = ? AND step_id = ?',
      name,
      flight,
      run,
      step,
    );
}
