import type { Digest } from '../core/ids.ts';
import type { KeptReproduction } from './reproduction.ts';

/**
 * Registered models, versions and aliases. `tracking/` implements it, and
 * `test/conformance/describe-registry.ts` says what each implementation must do.
 */
export interface Registry {
  find(name: string, at: { alias: string } | { version: string }): Promise<RegisteredVersion | undefined>;
  findByDigest(name: string, modelDigest: Digest): Promise<RegisteredVersion | undefined>;
  /**
   * One version per (name, model digest): registering it again gives the version that is there, with its
   * description and tags brought to what is asked.
   *
   * @throws RecipeError REGISTRY_NAME_INVALID
   */
  register(request: RegisterRequest): Promise<RegisterOutcome>;
  /** Sets tags of a version; gives whether one of them was another. */
  setTags(name: string, version: string, tags: Readonly<Record<string, string>>): Promise<boolean>;
  /**
   * Compare-and-set: the alias moves only if it points to `expected` (a version, or undefined for none).
   * Gives what it points to afterwards. One that is protected waits for an approval instead.
   *
   * @throws RecipeError REGISTRY_NAME_INVALID, MODEL_NOT_FOUND, PROMOTION_REFUSED
   */
  moveAlias(move: AliasMove): Promise<AliasMoved>;
  /** All models with their versions, by name. Prompts are none. */
  list(): Promise<readonly { readonly name: string; readonly versions: readonly RegisteredVersion[] }[]>;
  /** Newest first. */
  versions(name: string): Promise<readonly RegisteredVersion[]>;
  /** What was done to a model, oldest first. */
  changes(name: string): Promise<readonly RegistryChange[]>;
  /**
   * Brings the files of a version's model into the store, of a registry that keeps them itself; gives their digest.
   *
   * @throws RecipeError REFERENCE_UNREACHABLE
   */
  bring?(version: RegisteredVersion): Promise<Digest>;
  /** Brings the files of a version's reproduction into the store, of a registry that keeps them itself. */
  bringReproduction?(version: RegisteredVersion): Promise<void>;
}

export interface RegisteredVersion {
  readonly name: string;
  /** A whole number from 1, as text: MLflow's spelling. Never used again. */
  readonly version: string;
  /** Of the model directory's tree; undefined if only its files say it, of a version that others registered. */
  readonly modelDigest?: Digest;
  /** The tracked run that registered it. */
  readonly runId?: string;
  readonly description?: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly aliases: readonly string[];
  /** Milliseconds since the Unix epoch. */
  readonly createdAt: number;
}

export interface RegisterRequest {
  readonly name: string;
  readonly modelDigest: Digest;
  /** Bytes of the model directory. */
  readonly modelSize: number;
  readonly runId?: string;
  /** Writes that run first, for a registry that keeps the model as an artifact of it. */
  readonly announce?: () => Promise<void>;
  /** Asked for if the version has none yet; its digest becomes the tag `stockpot.reproduction`. */
  readonly reproduction?: () => Promise<KeptReproduction | undefined>;
  readonly description?: string;
  readonly tags: Readonly<Record<string, string>>;
}

export interface RegisterOutcome {
  readonly version: RegisteredVersion;
  readonly created: boolean;
  /** The version was there, and its description or a tag was another. */
  readonly changed: boolean;
}

export interface AliasMove {
  readonly name: string;
  readonly alias: string;
  readonly version: string;
  readonly expected: string | undefined;
}

export interface AliasMoved {
  readonly moved: boolean;
  readonly version: string | undefined;
  /** The number of the promotion that somebody else has to approve. */
  readonly pending?: string;
}

export interface RegistryChange {
  readonly at: number;
  readonly actor: string;
  /** Who asked the actor for it, if that is another: who submitted a run, of its driver. */
  readonly for?: string;
  /** `register`, `alias champion`, `tag stockpot.verdict of 3`, `description of 3`. */
  readonly action: string;
  readonly before: string | null;
  readonly after: string | null;
}
