import { openAsBlob } from 'node:fs';
import { failpoint } from '../../core/failpoint.ts';
import type { Digest } from '../../core/ids.ts';
import type { JsonObject } from '../../core/json.ts';
import { RecipeError } from '../../core/recipe-error.ts';
import type {
  AliasMove,
  AliasMoved,
  RegisteredVersion,
  RegisterOutcome,
  RegisterRequest,
  Registry,
  RegistryChange,
} from '../../engine/registry-port.ts';
import { REPRODUCTION_TAG } from '../../engine/reproduction.ts';
import { checkAlias, checkModelName } from '../limits.ts';
import type { Run } from '../mlflow/messages.ts';
import type { ArtifactFiles } from './artifact-files.ts';
import { downloadFolder } from './download-folder.ts';
import { list, object, text } from './message-of.ts';
import { quoted } from './quoted.ts';
import { reproductionPlace } from './reproduction-place.ts';
import { type RestClient, refusalOf } from './rest-client.ts';
import { aliasesOfTags, aliasTag, isInternal, TAGS } from './rest-tags.ts';
import type { RestTracking } from './rest-tracking.ts';
import { sendReproduction } from './send-reproduction.ts';
import { digestOf, type ServerVersion, ServerVersions } from './server-versions.ts';

/** Where models lie that are registered by runs of another place. */
const MODELS_EXPERIMENT = 'Stockpot models';
const PROXY = /^mlflow-artifacts:(?:\/\/[^/]*)?\/*/;
const NO_TAGS: ReadonlyMap<string, string> = new Map();
export interface RestRegistryOptions {
  readonly client: RestClient;
  /** Of the same server. */
  readonly tracking: RestTracking;
  readonly files: ArtifactFiles;
  readonly now: () => number;
}

/**
 * Registered models on a server that speaks MLflow's REST API. It has no unique key for a model's content:
 * who registers looks for the digest, registers, and looks again; of several the lowest number stays, and
 * the others are tagged. An alias is compared and set by
 * `recipe server` only; elsewhere a race is seen afterwards.
 */
export class RestRegistry implements Registry {
  readonly #options: RestRegistryOptions;
  readonly #versions: ServerVersions;
  /** Until it turns out that it is not. */
  #isStockpot = true;

  constructor(options: RestRegistryOptions) {
    this.#options = options;
    this.#versions = new ServerVersions(options.client);
  }

  async find(
    name: string,
    at: { alias: string } | { version: string },
  ): Promise<RegisteredVersion | undefined> {
    const found =
      'alias' in at
        ? await this.#versions.aliased(name, at.alias)
        : await this.#versions.get(name, at.version);
    return found === undefined ? undefined : registered(found);
  }

  async findByDigest(name: string, modelDigest: Digest): Promise<RegisteredVersion | undefined> {
    const [found] = await this.#versions.ofDigest(name, modelDigest);
    return found === undefined ? undefined : registered(await this.#versions.again(found));
  }

  async register(request: RegisterRequest): Promise<RegisterOutcome> {
    const { name, modelDigest } = request;
    checkModelName(name);
    if (quoted(name) === undefined)
      throw new RecipeError('REGISTRY_NAME_INVALID', {
        what: 'model',
        name: name.slice(0, 80),
        rule: 'a server is asked for it in a filter, which takes no two kinds of quotes',
      });
    failpoint('registry.before-register');
    const [known] = await this.#versions.ofDigest(name, modelDigest);
    const made = known === undefined ? await this.#create(request) : undefined;
    failpoint('registry.after-register');
    const [winner] = made === undefined ? [known] : await this.#versions.ofDigest(name, modelDigest);
    if (winner === undefined) throw new Error(`Internal error: the server lost version ${made} of ${name}`);
    const created = winner.version === made;
    if (made !== undefined && !created) await this.#setTag(name, made, TAGS.duplicateOf, winner.version);
    const reproduced = created ? {} : await sendReproduction(request, winner, this.#options);
    const tags = { ...request.tags, ...reproduced };
    const changed = !created && (await this.#update(winner, { ...request, tags }));
    return { version: registered(await this.#versions.again(winner)), created, changed };
  }

  async setTags(name: string, version: string, tags: Readonly<Record<string, string>>): Promise<boolean> {
    const known = await this.#versions.get(name, version);
    return known !== undefined && this.#update(known, { tags });
  }

  async moveAlias({ name, alias, version, expected }: AliasMove): Promise<AliasMoved> {
    checkAlias(alias);
    const before = (await this.#versions.aliased(name, alias))?.version;
    if (before !== expected) return { moved: false, version: before };
    if ((await this.#versions.get(name, version)) === undefined)
      throw new RecipeError('MODEL_NOT_FOUND', { model: `${name}/${version}`, nearest: undefined });
    const { client } = this.#options;
    const compareAndSet = { name, alias, version, expected: expected ?? '' };
    const answer = await this.#ofStockpot(() => client.send('POST', 'stockpot/aliases/move', compareAndSet));
    if (answer !== undefined) return movedOf({ version, expected }, object(answer['outcome']));
    await client.send('POST', 'registered-models/alias', { name, alias, version });
    const after = (await this.#versions.aliased(name, alias))?.version;
    if (after !== version) return { moved: false, version: after };
    const { key, value } = aliasTag(alias, this.#options.now());
    await this.#setTag(name, version, key, value);
    return { moved: true, version };
  }

  async list(): Promise<{ name: string; versions: readonly RegisteredVersion[] }[]> {
    const names = await this.#versions.names();
    const models: { name: string; versions: readonly RegisteredVersion[] }[] = [];
    for (const name of names.toSorted((a, b) => (a < b ? -1 : 1)))
      models.push({ name, versions: await this.versions(name) });
    return models;
  }

  async versions(name: string): Promise<RegisteredVersion[]> {
    const found = await this.#versions.all(name);
    const aliases = found.length === 0 ? new Map<string, string[]>() : await this.#versions.aliasesOf(name);
    return found
      .toSorted((a, b) => Number(b.version) - Number(a.version))
      .map((one) => registered({ ...one, aliases: aliases.get(one.version) ?? [] }));
  }

  /** Of another server than ours what versions tell: when they were registered, and when last given an alias. */
  async changes(name: string): Promise<RegistryChange[]> {
    const { client } = this.#options;
    const answer = await this.#ofStockpot(() => client.get('stockpot/models/history', { name }));
    if (answer !== undefined) return list(answer['history']).map(changeOf);
    const versions = await this.#versions.all(name);
    return versions
      .flatMap(({ version, user, createdAt, tags }): RegistryChange[] => {
        const change = { actor: user, before: null, after: version };
        return [
          { ...change, at: createdAt, action: 'register' },
          ...aliasesOfTags(tags).map(({ alias, at }) => ({ ...change, at, action: `alias ${alias}` })),
        ];
      })
      .toSorted((a, b) => a.at - b.at || Number(a.after) - Number(b.after));
  }

  /**
   * Brings the files of a version's model here, and gives their digest.
   *
   * @throws RecipeError REFERENCE_UNREACHABLE
   */
  async bring({ name, version, modelDigest }: RegisteredVersion): Promise<Digest> {
    const brought = await this.#fetch({ name, version });
    if (brought === (modelDigest ?? brought)) return brought;
    throw new RecipeError('REFERENCE_UNREACHABLE', {
      reference: `models:/${name}/${version}`,
      problem: 'the files on the server are not those that were registered',
    });
  }

  /** Brings the files of a version's reproduction here. */
  async bringReproduction({ name, version, tags }: RegisteredVersion): Promise<void> {
    const digest = tags[REPRODUCTION_TAG] as Digest | undefined;
    const root = digest === undefined ? undefined : await this.#reproductionOf(name, version, digest);
    if (root === undefined || (await downloadFolder(root, this.#options)) === digest) return;
    throw new RecipeError('REFERENCE_UNREACHABLE', {
      reference: `models:/${name}/${version}`,
      problem: 'what the server keeps to make it again is not what was registered',
    });
  }

  async #reproductionOf(name: string, version: string, digest: Digest): Promise<string | undefined> {
    const found = await this.#versions.get(name, version);
    return found === undefined ? undefined : reproductionPlace(found.source, digest)?.path;
  }

  /** What only `recipe server` answers; undefined from another server. */
  async #ofStockpot(ask: () => Promise<JsonObject>): Promise<JsonObject | undefined> {
    if (!this.#isStockpot) return undefined;
    try {
      return await ask();
    } catch (error) {
      const code = refusalOf(error)?.code;
      if (code !== 'ENDPOINT_NOT_FOUND' && code !== 'HTTP 404' && code !== 'HTTP 405') throw error;
      this.#isStockpot = false;
      return undefined;
    }
  }

  async #create(request: RegisterRequest): Promise<string> {
    const { client } = this.#options;
    const { name, modelDigest, runId, description, tags } = request;
    const run = await this.#home(request);
    const source = await this.#upload(run, request);
    const reproduced = await sendReproduction(request, { source, tags: NO_TAGS }, this.#options);
    try {
      await client.send('POST', 'registered-models/create', { name });
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal?.code === 'INVALID_PARAMETER_VALUE')
        throw new RecipeError(
          'REGISTRY_NAME_INVALID',
          { what: 'model', name: name.slice(0, 80), rule: refusal.message },
          { cause: error },
        );
      if (refusal?.code !== 'RESOURCE_ALREADY_EXISTS') throw error;
    }
    const answer = await client.send('POST', 'model-versions/create', {
      name,
      source,
      run_id: run.info.run_id,
      ...(description === undefined ? {} : { description }),
      tags: [
        { key: TAGS.modelDigest, value: modelDigest },
        ...(runId === undefined ? [] : [{ key: TAGS.run, value: runId }]),
        ...Object.entries({ ...tags, ...reproduced }).map(([key, value]) => ({ key, value })),
      ],
    });
    return text(object(answer['model_version'])['version']);
  }

  /** The run that the model becomes an artifact of: the one that registers it, if this server has it. */
  async #home({ name, modelDigest, runId, announce }: RegisterRequest): Promise<Run> {
    const { tracking, now } = this.#options;
    const find = async (id: string | undefined): Promise<Run | undefined> =>
      id === undefined ? undefined : tracking.serverRun(id);
    let found = await find(runId);
    if (found === undefined && announce !== undefined) {
      await announce();
      found = await find(runId);
    }
    if (found !== undefined) return found;
    const id = `model-${modelDigest}`;
    await tracking.write({
      experiment: MODELS_EXPERIMENT,
      runs: [
        {
          id,
          name: `${name} ${modelDigest.slice(0, 12)}`.slice(0, 250),
          startTime: now(),
          status: 'FINISHED',
          endTime: now(),
        },
      ],
    });
    const made = await find(id);
    if (made === undefined) throw new Error('Internal error: the run of a model was not made');
    return made;
  }

  async #upload({ info }: Run, { name, modelDigest }: RegisterRequest): Promise<string> {
    const { client, files } = this.#options;
    const refuse = (problem: string): RecipeError =>
      new RecipeError('TRACKING_REFUSED', { server: client.url, request: `the model ${name}`, problem });
    if (!PROXY.test(info.artifact_uri)) throw refuse(`it keeps artifacts at ${info.artifact_uri}`);
    const found = files.of(modelDigest, 'model');
    if (found === undefined) throw refuse('the files of the model are not in the cache any more');
    const root = info.artifact_uri.replace(PROXY, '');
    for (const { path, file } of found) await client.upload(`${root}/model/${path}`, await openAsBlob(file));
    return `${info.artifact_uri.replace(/\/$/, '')}/model`;
  }

  /** Downloads a version's model, and gives its digest. */
  async #fetch({ name, version }: Pick<RegisteredVersion, 'name' | 'version'>): Promise<Digest> {
    // Which need not be its source: a server may have a copy that nobody changes.
    const answer = await this.#options.client.get('model-versions/get-download-uri', { name, version });
    const source = text(answer['artifact_uri']);
    if (!PROXY.test(source))
      throw new RecipeError('REFERENCE_UNREACHABLE', {
        reference: `models:/${name}/${version}`,
        problem: `its files are at ${source}`,
      });
    return downloadFolder(source.replace(PROXY, '').replace(/\/$/, ''), this.#options);
  }

  /** Brings tags and description to what is asked; gives whether one of them was another. */
  async #update(
    known: ServerVersion,
    { tags, description }: Pick<RegisterRequest, 'tags' | 'description'>,
  ): Promise<boolean> {
    const { name, version } = known;
    const others = Object.entries(tags).filter(([key, value]) => known.tags.get(key) !== value);
    for (const [key, value] of others) await this.#setTag(name, version, key, value);
    const isDescribed = description === undefined || description === known.description;
    if (!isDescribed)
      await this.#options.client.send('PATCH', 'model-versions/update', { name, version, description });
    return others.length > 0 || !isDescribed;
  }

  async #setTag(name: string, version: string, key: string, value: string): Promise<void> {
    await this.#options.client.send('POST', 'model-versions/set-tag', { name, version, key, value });
  }
}

function registered(found: ServerVersion): RegisteredVersion {
  const { name, version, tags, aliases, description, run, createdAt } = found;
  const runId = tags.get(TAGS.run) ?? run;
  const modelDigest = digestOf(found);
  return {
    name,
    version,
    ...(modelDigest === undefined ? {} : { modelDigest }),
    ...(runId === '' ? {} : { runId }),
    ...(description === '' ? {} : { description }),
    tags: Object.fromEntries([...tags].filter(([key]) => !isInternal(key))),
    aliases,
    createdAt,
  };
}

function movedOf(
  { version, expected }: Pick<AliasMove, 'version' | 'expected'>,
  outcome: JsonObject,
): AliasMoved {
  if (outcome['kind'] === 'moved') return { moved: true, version };
  if (outcome['kind'] === 'pending')
    return { moved: false, version: expected, pending: text(object(outcome['promotion'])['id']) };
  const now = text(outcome['version']);
  return { moved: false, version: now === '' ? undefined : now };
}

function changeOf({ at, actor, for: asker, action, before, after }: JsonObject): RegistryChange {
  return {
    at: Number(at ?? 0),
    actor: text(actor),
    ...(typeof asker === 'string' ? { for: asker } : {}),
    action: text(action),
    before: typeof before === 'string' ? before : null,
    after: typeof after === 'string' ? after : null,
  };
}
