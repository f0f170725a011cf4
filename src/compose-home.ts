import { existsSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { Trackers } from './compose-tracking.ts';
import type { Addresses } from './core/plan.ts';
import { hasCode } from './core/recipe-error.ts';
import type { World } from './core/world.ts';
import type { Registry } from './engine/registry-port.ts';
import type { Tracking } from './engine/tracking-port.ts';
import { keepPlans, type PlanningIndex, planningIndex } from './store/planning-index.ts';
import { Store } from './store/store.ts';
import { type Places, placeName, placesOf } from './tracking/places.ts';
import type { Approvals } from './tracking/protection/approvals.ts';

/** What of the process and the package the wiring needs. */
export interface Surroundings {
  readonly world: World;
  readonly pid: number;
  readonly version: string;
  /** Folder of the package: what it ships lies below. */
  readonly packageDir: string;
  /** Node's executable. */
  readonly node: string;
  /** Whose work is done here, if that is not who the machine says. */
  readonly asker?: string;
}

/** What a project keeps: its store, tracked runs and registered models. */
export class ProjectHome implements AsyncDisposable {
  readonly dir: string;
  readonly home: string;
  protected readonly surroundings: Surroundings;
  #store: Store | undefined;
  #draft: PlanningIndex | undefined;
  readonly #trackers: Trackers;
  readonly #flags: Addresses;
  /** Of the profile that was read last. */
  protected addresses: Addresses = {};

  /** @param flags addresses that the command line names */
  constructor(dir: string, surroundings: Surroundings, flags: Addresses = {}) {
    const { world } = surroundings;
    this.dir = dir;
    this.home = world.env['STOCKPOT_HOME'] ?? join(dir, '.stockpot');
    this.surroundings = surroundings;
    this.#flags = flags;
    this.#trackers = new Trackers({
      home: this.home,
      store: () => this.store,
      world,
      actor: this.user,
      asker: surroundings.asker,
    });
  }

  /** Whether nothing of this project is on this machine yet. */
  get isNew(): boolean {
    return this.#store === undefined && !existsSync(this.home);
  }

  /** The store, opened and made when first needed. */
  get store(): Store {
    if (this.#store !== undefined) return this.#store;
    const { env, clock } = this.surroundings.world;
    this.#store = Store.open({ home: this.home, cache: env['STOCKPOT_CACHE'], now: () => clock.now() });
    if (this.#draft !== undefined) keepPlans(this.#draft.index, this.#store.index);
    return this.#store;
  }

  /** A plan that fails leaves nothing behind: in a new project it is made beside an index in memory. */
  protected get planning(): PlanningIndex {
    if (!this.isNew) return this.store;
    const { clock } = this.surroundings.world;
    this.#draft ??= planningIndex(() => clock.now());
    return this.#draft;
  }

  /** Takes the addresses of a profile, for commands that need no plan. */
  async useProfile(name: string | undefined): Promise<void> {
    if (name === undefined && !existsSync(join(this.dir, 'profiles', 'local.yaml'))) return;
    const { profileAddresses } = await import('./recipe/profile-addresses.ts');
    this.addresses = profileAddresses(this.dir, name);
  }

  /** Where this command keeps runs and models. */
  protected get places(): Places {
    const { env } = this.surroundings.world;
    return placesOf({ flags: this.#flags, env, profile: this.addresses });
  }

  /**
   * Tracked runs, opened when first asked for.
   *
   * @throws RecipeError ADDRESS_INVALID, DATABASE_UNREACHABLE, STORE_TOO_NEW
   */
  async tracking(): Promise<Tracking> {
    return this.#trackers.tracking(this.places.tracking);
  }

  /** Name of the place where this command keeps runs; undefined for the home. */
  get place(): string | undefined {
    return placeName(this.places.tracking);
  }

  /** Tracked runs at the place of a name. */
  async trackingAt(place: string | undefined): Promise<Tracking> {
    return this.#trackers.trackingOf(place, [this.places.tracking]);
  }

  /** Registered models, opened when first asked for. It fails as `tracking` does. */
  readonly registry = async (): Promise<Registry> => this.#trackers.registry(this.places.registry);

  /** Protected aliases where models are registered. */
  readonly approvals = async (): Promise<Approvals> => this.#trackers.approvals(this.places.registry);

  /** Whose work this is: who asked for it, else who works here as the machine names them. */
  get user(): string {
    const { asker, world } = this.surroundings;
    return asker ?? world.env['USER'] ?? world.env['LOGNAME'] ?? ownName();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#trackers[Symbol.asyncDispose]();
    this.#draft?.index.close();
    this.#store?.[Symbol.dispose]();
  }
}

/** Where no variable says it, as in containers; there may be no entry for who runs it either. */
function ownName(): string {
  try {
    return userInfo().username;
  } catch (error) {
    if (!hasCode(error, 'ERR_SYSTEM_ERROR')) throw error;
    return 'unknown';
  }
}

/** Names the store of a home among all that share a ledger. */
export function storeName({ store }: ProjectHome): string {
  return `${hostname()}:${store.layout.root}`;
}
