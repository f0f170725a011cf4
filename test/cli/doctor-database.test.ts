import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Check } from '../../src/cli/check.ts';
import { checkDatabases } from '../../src/cli/check-database.ts';
import { systemWorld } from '../../src/core/system-world.ts';
import { openLedger } from '../../src/ledger/open-ledger.ts';
import { openDatabase } from '../../src/tracking/open-database.ts';
import { onPostgres } from '../rigs/on-postgres.ts';
import { PostgresRig } from '../rigs/postgres-rig.ts';

/** `ok`, or what to do, by name. */
async function checked(url: string, offMs = 0): Promise<{ words: Record<string, string>; checks: Check[] }> {
  const world = systemWorld({ STOCKPOT_DATABASE_URL: url });
  const { clock } = world;
  const off = {
    now: () => clock.now() + offMs,
    monotonic: () => clock.monotonic(),
    sleep: async (ms: number, signal?: AbortSignal) => clock.sleep(ms, signal),
  };
  const checks = await checkDatabases({}, { world: { ...world, clock: off } });
  return {
    checks,
    words: Object.fromEntries(checks.map(({ name, ok, fix }) => [name, ok ? 'ok' : (fix ?? 'problem')])),
  };
}

const FINE = { database: 'ok', 'database ledger': 'ok', 'database tracking': 'ok', 'database clock': 'ok' };

async function migrated(url: string): Promise<void> {
  await (await openLedger('', url))[Symbol.asyncDispose]();
  await (await openDatabase('', url))[Symbol.asyncDispose]();
}

onPostgres((postgres) => {
  describe('what doctor says of a database', () => {
    test('that is as it should be, before it is used and after, and leaves it as it was', async () => {
      const url = await postgres().newDatabase();
      const name = url.split('/').at(-1) ?? '';
      const before = await checked(url);
      expect(before.words).toEqual(FINE);
      expect(before.checks[0]?.detail).toMatch(/^postgres:.*, version \d+\.\d+.*, answers in \d+\.\d ms$/);
      expect(before.checks[1]?.detail).toBe('made when it is first used, by test');
      const schemas = await postgres().query(`SELECT to_regnamespace('ledger') AS found`, name);
      expect(schemas.rows).toEqual([{ found: null }]);
      await migrated(url);
      const after = await checked(url);
      expect(after.words).toEqual(FINE);
      expect(after.checks[1]?.detail).toMatch(/^version \d+, written by test$/);
    });

    test('that a role may only read: what it is to be granted, with which it is fine', async () => {
      const url = await postgres().newDatabase();
      const name = url.split('/').at(-1) ?? '';
      await postgres().query('CREATE ROLE reader LOGIN', name);
      const asReader = url.replace('test@', 'reader@');
      expect((await checked(asReader)).words).toMatchObject({
        'database ledger': `Allow it: \`GRANT CREATE ON DATABASE "${name}" TO "reader"\`.`,
      });
      await migrated(url);
      await postgres().query(
        'GRANT USAGE ON SCHEMA ledger TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO reader',
        name,
      );
      const { words } = await checked(asReader);
      const fix = words['database ledger'] ?? '';
      expect(fix).toMatch(/^Allow it: `GRANT USAGE .*GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES/);
      // It says no other for tables that cannot even be read.
      expect(words['database tracking']).toMatch(
        /as the owner of its tables; then `GRANT USAGE ON SCHEMA tracking/,
      );
      for (const said of [fix, words['database tracking'] ?? '']) {
        const [, sql = ''] = /`(GRANT[^`]*)`/.exec(said) ?? [];
        await postgres().query(sql, name);
      }
      expect((await checked(asReader)).words).toEqual(FINE);
    });

    test('that is of an older version, and may not be brought to this one, or of a newer one', async () => {
      const url = await postgres().newDatabase();
      const name = url.split('/').at(-1) ?? '';
      await migrated(url);
      await postgres().query('CREATE ROLE writer LOGIN', name);
      await postgres().query(
        `GRANT USAGE ON SCHEMA ledger, tracking TO writer; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ledger, tracking TO writer;
         UPDATE ledger.schema_version SET version = version - 1; UPDATE tracking.schema_version SET version = version + 1`,
        name,
      );
      expect((await checked(url)).words).toEqual({
        ...FINE,
        'database tracking': 'Update Stockpot on this machine.',
      });
      expect((await checked(url.replace('test@', 'writer@'))).words['database ledger']).toMatch(
        /^Start `recipe server`.* as the owner/,
      );
    });

    test('that takes no writes', async () => {
      const url = await postgres().newDatabase();
      await postgres().query(
        `ALTER DATABASE ${url.split('/').at(-1)} SET default_transaction_read_only = on`,
      );
      expect((await checked(url)).words['database writes']).toContain('default_transaction_read_only');
    });

    test.each([-90_000, 90_000])('whose clock is %i ms off', async (offMs) => {
      const { words } = await checked(postgres().url, offMs);
      expect(words['database clock']).toContain('timedatectl set-ntp');
    });
  });

  test('a database that is away, and then back', async () => {
    await using database = await PostgresRig.start();
    await database.kill();
    const { checks } = await checked(database.url);
    expect(checks).toEqual([
      {
        name: 'database',
        ok: false,
        detail: expect.stringMatching(/^Cannot use the database /) as string,
        fix: expect.any(String) as string,
      },
    ]);
    await database.restart();
    expect((await checked(database.url)).words).toEqual(FINE);
  });

  test('a password that is wrong is said, and never shown', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
    chmodSync(dir, 0o755);
    const hba = join(dir, 'pg_hba.conf');
    writeFileSync(hba, 'local all test trust\nlocal all all scram-sha-256\n', { mode: 0o644 });
    await using database = await PostgresRig.start('fast', '-c', `hba_file=${hba}`);
    await database.query(`CREATE ROLE ann LOGIN PASSWORD 'right'; GRANT CREATE ON DATABASE stockpot TO ann`);
    const as = (password: string): string => database.url.replace('test@', `ann:${password}@`);
    const { checks } = await checked(as('canary'));
    expect(checks).toMatchObject([
      { name: 'database', ok: false, detail: expect.stringContaining('password') },
    ]);
    expect(JSON.stringify(checks)).not.toContain('canary');
    const right = await checked(as('right'));
    expect(right.words).toEqual(FINE);
    expect(JSON.stringify(right.checks)).not.toContain('right@');
    rmSync(dir, { recursive: true });
  });
});
