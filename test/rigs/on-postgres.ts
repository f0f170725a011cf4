import { afterAll, beforeAll, describe } from 'vitest';
import { PostgresRig } from './postgres-rig.ts';

const missing = await PostgresRig.missing();

/** Describes something on a PostgreSQL of its own; skipped, with the reason, where there is none. */
export function onPostgres(work: (rig: () => PostgresRig) => void): void {
  const because = missing === undefined ? '' : ` (${missing})`;
  describe.skipIf(missing !== undefined)(`a server of its own${because}`, () => {
    let rig: PostgresRig;
    beforeAll(async () => {
      rig = await PostgresRig.start();
    });
    afterAll(async () => {
      await rig[Symbol.asyncDispose]();
    });
    work(() => rig);
  });
}
