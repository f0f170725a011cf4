import type { ProjectHome, Surroundings } from './compose-home.ts';
import type { Database } from './db/sql.ts';
import { openLedger } from './ledger/open-ledger.ts';
import { placesOf } from './tracking/places.ts';

/**
 * The ledger of a home: in it, or on the PostgreSQL that the environment names, for schedulers and drivers of
 * several machines. Not on a profile's: who looks after a whole folder has none.
 *
 * @throws RecipeError ADDRESS_INVALID, DATABASE_UNREACHABLE, STORE_TOO_NEW
 */
export async function ledgerOf(project: ProjectHome, { world }: Surroundings): Promise<Database> {
  const { tracking: place } = placesOf({
    flags: {},
    env: { STOCKPOT_DATABASE_URL: world.env['STOCKPOT_DATABASE_URL'] },
    profile: {},
  });
  const url = place.kind === 'database' ? place.url : undefined;
  // One out of reach is known before anything is written.
  if (url?.startsWith('postgres:') === true) return openLedger(project.home, url);
  // The store makes the home.
  void project.store;
  return openLedger(project.home, undefined);
}
