import type { World } from './core/world.ts';
import type { Database } from './db/sql.ts';
import type { Registry } from './engine/registry-port.ts';
import type { Tracking } from './engine/tracking-port.ts';
import type { Store } from './store/store.ts';
import { openDatabase } from './tracking/open-database.ts';
import { type Place, placeName, placeOfName } from './tracking/places.ts';
import type { Approvals } from './tracking/protection/approvals.ts';
import type { RestPlace } from './tracking/rest/rest-place.ts';
import { SqlTracking } from './tracking/sql-tracking.ts';

interface TrackersOptions {
  readonly home: string;
  /** Opening it makes the home. */
  readonly store: () => Store;
  readonly world: World;
  readonly actor: string;
  /** Whom servers are told of, beside whose token it is: who asked for the work. */
  readonly asker: string | undefined;
}

/** The trackings and registries of a project, each opened when first asked for. */
export class Trackers implements AsyncDisposable {
  readonly #options: TrackersOptions;
  readonly #databases = new Map<string, Promise<Database>>();
  readonly #servers = new Map<string, Promise<RestPlace>>();

  constructor(options: TrackersOptions) {
    this.#options = options;
  }

  /** @throws RecipeError DATABASE_UNREACHABLE, STORE_TOO_NEW */
  async tracking(place: Place): Promise<Tracking> {
    if (place.kind === 'server') return (await this.#server(place.url)).tracking;
    return new SqlTracking(await this.#database(place), this.#now);
  }

  /** @throws RecipeError DATABASE_UNREACHABLE, STORE_TOO_NEW */
  async registry(place: Place): Promise<Registry> {
    if (place.kind === 'server') return (await this.#server(place.url)).registry;
    const { home, store, actor } = this.#options;
    const { SqlRegistry } = await import('./tracking/sql-registry.ts');
    const { VersionPins } = await import('./tracking/version-pins.ts');
    return new SqlRegistry(await this.#database(place), {
      now: this.#now,
      actor,
      pins: new VersionPins({ store: store(), home, database: placeName(place) }),
    });
  }

  /** @throws RecipeError DATABASE_UNREACHABLE, STORE_TOO_NEW */
  async approvals(place: Place): Promise<Approvals> {
    if (place.kind === 'server') return (await this.#server(place.url)).approvals;
    const { sqlApprovals } = await import('./tracking/protection/approvals.ts');
    return sqlApprovals(await this.#database(place), { actor: this.#options.actor, now: this.#now });
  }

  /** The tracking of a name that `placeName` gave; of one that is known with the credentials it came with. */
  async trackingOf(name: string | undefined, known: readonly Place[]): Promise<Tracking> {
    return this.tracking(known.find((place) => placeName(place) === name) ?? placeOfName(name));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const opening of this.#databases.values()) {
      const database = await opening.catch(() => undefined);
      await database?.[Symbol.asyncDispose]();
    }
  }

  readonly #now = (): number => this.#options.world.clock.now();

  #database(place: Exclude<Place, { kind: 'server' }>): Promise<Database> {
    const url = place.kind === 'home' ? undefined : place.url;
    return once(this.#databases, url ?? '', () => {
      if (place.kind === 'home') this.#options.store();
      return openDatabase(this.#options.home, url);
    });
  }

  #server(url: string): Promise<RestPlace> {
    return once(this.#servers, url, async () => {
      const { store, world, asker } = this.#options;
      const { openRestPlace } = await import('./tracking/rest/rest-place.ts');
      return openRestPlace({ url, env: world.env, asker, store, now: this.#now });
    });
  }
}

function once<T>(known: Map<string, Promise<T>>, key: string, open: () => Promise<T>): Promise<T> {
  let found = known.get(key);
  if (found === undefined) {
    found = open();
    known.set(key, found);
  }
  return found;
}
