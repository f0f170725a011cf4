import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe } from 'vitest';
import { RestClient } from '../../src/tracking/rest/rest-client.ts';
import { RestRegistry } from '../../src/tracking/rest/rest-registry.ts';
import { RestTracking } from '../../src/tracking/rest/rest-tracking.ts';
import { describeRegistry } from '../conformance/describe-registry.ts';
import { describeTeamModels } from '../conformance/describe-team-models.ts';
import { describeTracking } from '../conformance/describe-tracking.ts';
import { registerAsClient } from '../rigs/as-client.ts';
import { realServer } from '../rigs/mlflow-server.ts';
import { REAL_FILES } from '../rigs/real-files.ts';

const python = process.env['STOCKPOT_TEST_PYTHON'];
const now = (): number => 1000;

describe.skipIf(python === undefined)('MLflow’s own server of 2.22', () => {
  const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
  let server: Awaited<ReturnType<typeof realServer>>;

  beforeAll(async () => {
    server = await realServer(python ?? '', dir);
  }, 180_000);

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true });
  });

  /** A server starts in seconds: it is emptied instead. */
  function empty(): void {
    const db = new DatabaseSync(join(dir, 'mlflow.db'), {
      timeout: 10_000,
      enableForeignKeyConstraints: false,
    });
    const tables = db.prepare(`SELECT name FROM sqlite_schema WHERE type = 'table'`).all();
    for (const { name } of tables)
      if (name === 'experiments') db.exec('DELETE FROM experiments WHERE experiment_id > 0');
      else if (name !== 'alembic_version') db.exec(`DELETE FROM "${String(name)}"`);
    db.close();
  }

  function tracking(): { client: RestClient; tracking: RestTracking } {
    const client = new RestClient({ url: server.url, authorization: undefined, now });
    return { client, tracking: new RestTracking(client, REAL_FILES) };
  }

  const registry = (): RestRegistry => new RestRegistry({ ...tracking(), files: REAL_FILES, now });

  describeTracking(
    'MLflow',
    async () => {
      empty();
      return { ...tracking(), [Symbol.asyncDispose]: async () => {} };
    },
    { hasOneContext: true },
  );

  describeRegistry(
    'MLflow',
    async () => {
      empty();
      return {
        registry: registry(),
        other: registry(),
        pinned: [],
        asClient: (name, tags) => registerAsClient(tracking().client, name, tags),
        [Symbol.asyncDispose]: async () => {},
      };
    },
    { hasOwnAudit: true, comparesOnly: true, pinsNothing: true, hasOwnClock: true },
  );

  describeTeamModels('MLflow', async () => {
    empty();
    return { url: server.url, [Symbol.asyncDispose]: async () => {} };
  });
});
