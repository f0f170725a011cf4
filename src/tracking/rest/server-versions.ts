import type { Digest } from '../../core/ids.ts';
import type { JsonObject } from '../../core/json.ts';
import { isPrompt } from '../mlflow/prompt.ts';
import { list, object, tagsOfJson, text } from './message-of.ts';
import { quoted } from './quoted.ts';
import { type RestClient, refusalOf } from './rest-client.ts';
import { TAGS } from './rest-tags.ts';

/** In one answer. */
const PAGE = 200;

/** A version as the server has it. */
export interface ServerVersion {
  readonly name: string;
  readonly version: string;
  readonly source: string;
  readonly run: string;
  readonly user: string;
  readonly description: string;
  readonly createdAt: number;
  readonly tags: ReadonlyMap<string, string>;
  readonly aliases: readonly string[];
}

/** Reads registered models and their versions of a server that speaks MLflow's REST API, duplicates left out. */
export class ServerVersions {
  readonly #client: RestClient;

  constructor(client: RestClient) {
    this.#client = client;
  }

  /** Of all registered models. Some servers give prompts among them. */
  async names(): Promise<string[]> {
    const names: string[] = [];
    for await (const model of this.#pages('registered-models/search', 'registered_models', ''))
      if (!isPrompt(tagsOfJson(model['tags']))) names.push(text(model['name']));
    return names;
  }

  /** Versions of this content, the one that stays first. */
  async ofDigest(name: string, digest: Digest): Promise<ServerVersion[]> {
    const found = await this.all(name);
    return found
      .filter((one) => digestOf(one) === digest)
      .toSorted((a, b) => Number(a.version) - Number(b.version));
  }

  /** All versions of a model but duplicates. Searches do not say aliases. */
  async all(name: string): Promise<ServerVersion[]> {
    const value = quoted(name);
    if (value === undefined) return [];
    const found: ServerVersion[] = [];
    for await (const json of this.#pages('model-versions/search', 'model_versions', `name = ${value}`)) {
      const version = versionOf(json);
      if (!version.tags.has(TAGS.duplicateOf)) found.push(version);
    }
    return found;
  }

  async aliasesOf(name: string): Promise<Map<string, string[]>> {
    const answer = await this.#client.get('registered-models/get', { name });
    const aliases = new Map<string, string[]>();
    for (const one of list(object(answer['registered_model'])['aliases'])) {
      const version = text(one['version']);
      aliases.set(version, [...(aliases.get(version) ?? []), text(one['alias'])].toSorted());
    }
    return aliases;
  }

  async again({ name, version }: ServerVersion): Promise<ServerVersion> {
    const found = await this.get(name, version);
    if (found === undefined) throw new Error(`Internal error: the server lost version ${version} of ${name}`);
    return found;
  }

  async get(name: string, version: string): Promise<ServerVersion | undefined> {
    if (!/^\d{1,15}$/.test(version)) return undefined;
    const found = await this.#ask('model-versions/get', { name, version });
    if (found === undefined || found.tags.has(TAGS.duplicateOf)) return undefined;
    return { ...found, aliases: (await this.aliasesOf(name)).get(found.version) ?? [] };
  }

  async aliased(name: string, alias: string): Promise<ServerVersion | undefined> {
    const found = await this.#ask('registered-models/alias', { name, alias });
    if (found === undefined) return undefined;
    return { ...found, aliases: (await this.aliasesOf(name)).get(found.version) ?? [] };
  }

  /** The version that an answer holds; undefined if there is none. */
  async #ask(path: string, query: Readonly<Record<string, string>>): Promise<ServerVersion | undefined> {
    try {
      return versionOf(object((await this.#client.get(path, query))['model_version']));
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal?.code === 'RESOURCE_DOES_NOT_EXIST') return undefined;
      if (refusal?.code === 'INVALID_PARAMETER_VALUE' && refusal.message.includes('not found'))
        return undefined;
      throw error;
    }
  }

  async *#pages(path: string, key: string, filter: string): AsyncIterable<JsonObject> {
    let token = '';
    do {
      const answer = await this.#client.get(path, {
        max_results: String(PAGE),
        ...(filter === '' ? {} : { filter }),
        ...(token === '' ? {} : { page_token: token }),
      });
      yield* list(answer[key]);
      token = text(answer['next_page_token']);
    } while (token !== '');
  }
}

function versionOf(json: JsonObject): ServerVersion {
  return {
    name: text(json['name']),
    version: text(json['version']),
    source: text(json['source']),
    run: text(json['run_id']),
    user: text(json['user_id']),
    description: text(json['description']),
    createdAt: Number(json['creation_timestamp'] ?? 0),
    tags: new Map(tagsOfJson(json['tags']).map(({ key, value }) => [key, value])),
    aliases: [],
  };
}

/** Of what others registered it is known only where the server names models by their content. */
export function digestOf({ tags, source }: ServerVersion): Digest | undefined {
  const [, named] = /^mlflow-artifacts:\/+models\/([0-9a-f]{64})$/.exec(source) ?? [];
  return (tags.get(TAGS.modelDigest) ?? named) as Digest | undefined;
}
