import { REPRODUCTION_TAG } from '../engine/reproduction.ts';
import { own, readableBy } from '../tracking/access/grants.ts';
import {
  addressOfCopy,
  contentOfVersion,
  createVersion,
  deleteAlias,
  deleteVersion,
  deleteVersionTag,
  describeVersion,
  latestVersions,
  moveStage,
  readAlias,
  readVersion,
  setAlias,
  setVersionTag,
} from '../tracking/mlflow/model-versions.ts';
import {
  createModel,
  deleteModel,
  deleteModelTag,
  describeModel,
  readModel,
  renameModel,
  setModelTag,
} from '../tracking/mlflow/registered-models.ts';
import { searchModels, searchVersions } from '../tracking/mlflow/search-registry.ts';
import { blobsOfVersions } from '../tracking/version-pins.ts';
import { MODEL_VERSION, REGISTERED_MODEL } from './answers/registry-parts.ts';
import { listOf, PAGE, TEXT } from './answers/shape.ts';
import { changeOf } from './change-of.ts';
import { TAG } from './experiment-routes.ts';
import {
  atMost,
  boolean,
  message,
  nested,
  otherwise,
  present,
  repeated,
  required,
  text,
  unlessEmpty,
} from './message.ts';
import { contentOf } from './model-content.ts';
import { modelSource } from './model-source.ts';
import { originOf } from './origin-of-version.ts';
import { both, CREATE, on, SIGNED_IN } from './policy.ts';
import { checkReproductionTag } from './reproduction-tag.ts';
import { type Route, route, type Served } from './route.ts';
import { model } from './things.ts';

const NAME = { name: required(text()) };
const VERSION = { ...NAME, version: required(text()) };
const SEARCH = { filter: otherwise(text(), ''), order_by: repeated(text()), page_token: unlessEmpty(text()) };
const LATEST = message({ ...NAME, stages: repeated(text()) });
const LATEST_VERSIONS = { model_versions: listOf(MODEL_VERSION) };

export const REGISTRY_ROUTES: readonly Route[] = [
  route(
    'POST',
    '/mlflow/registered-models/create',
    'createRegisteredModel',
    CREATE,
    message({ ...NAME, tags: repeated(nested(TAG)), description: text() }),
    { registered_model: REGISTERED_MODEL },
    async (served, { name, tags, description }) => ({
      registered_model: await served.database.write(async (sql) => {
        await createModel(sql, { name, tags, description }, changeOf(served));
        await own(sql, served.identity, { kind: 'model', name });
        return readModel(sql, name);
      }),
    }),
  ),
  route(
    'POST',
    '/mlflow/registered-models/rename',
    'renameRegisteredModel',
    on('MANAGE', model),
    message({ ...NAME, new_name: required(text()) }),
    { registered_model: REGISTERED_MODEL },
    async (served, { name, new_name }) => ({
      registered_model: await served.database.write(async (sql) => {
        await renameModel(sql, name, new_name, changeOf(served));
        return readModel(sql, new_name);
      }),
    }),
  ),
  route(
    'PATCH',
    '/mlflow/registered-models/update',
    'updateRegisteredModel',
    on('EDIT', model),
    message({ ...NAME, description: otherwise(text(), '') }),
    { registered_model: REGISTERED_MODEL },
    async (served, { name, description }) => ({
      registered_model: await served.database.write(async (sql) => {
        await describeModel(sql, name, description, changeOf(served));
        return readModel(sql, name);
      }),
    }),
  ),
  route(
    'DELETE',
    '/mlflow/registered-models/delete',
    'deleteRegisteredModel',
    on('MANAGE', model),
    message(NAME),
    {},
    async (served, { name }) => {
      const freed = await served.database.write(async (sql) => {
        const blobs = await blobsOfVersions(sql, name, undefined);
        await deleteModel(sql, name, changeOf(served));
        return blobs;
      });
      await served.artifacts.release(freed);
      return {};
    },
  ),
  route(
    'GET',
    '/mlflow/registered-models/get',
    'getRegisteredModel',
    on('READ', model),
    message(NAME),
    { registered_model: REGISTERED_MODEL },
    async ({ database }, { name }) => ({
      registered_model: await database.read((sql) => readModel(sql, name)),
    }),
  ),
  route(
    'GET',
    '/mlflow/registered-models/search',
    'searchRegisteredModels',
    SIGNED_IN,
    message({ ...SEARCH, max_results: otherwise(atMost(1000), 100) }),
    { registered_models: listOf(REGISTERED_MODEL), ...PAGE },
    async ({ database, identity }, { filter, order_by, page_token, max_results }) =>
      database.read((sql) =>
        searchModels(
          sql,
          { filter, orderBy: order_by, pageToken: page_token, maxResults: max_results },
          readableBy(sql, identity, 'model', 'm.name'),
        ),
      ),
  ),
  route(
    'POST',
    '/mlflow/registered-models/get-latest-versions',
    'getLatestVersions',
    on('READ', model),
    LATEST,
    LATEST_VERSIONS,
    latest,
  ),
  route(
    'GET',
    '/mlflow/registered-models/get-latest-versions',
    'getLatestVersions',
    on('READ', model),
    LATEST,
    LATEST_VERSIONS,
    latest,
  ),
  route(
    'POST',
    '/mlflow/registered-models/set-tag',
    'setRegisteredModelTag',
    on('EDIT', model),
    message({ ...NAME, key: required(text()), value: present(text()) }),
    {},
    async (served, { name, key, value }) => {
      await served.database.write((sql) => setModelTag(sql, name, { key, value }, changeOf(served)));
      return {};
    },
  ),
  route(
    'DELETE',
    '/mlflow/registered-models/delete-tag',
    'deleteRegisteredModelTag',
    on('EDIT', model),
    message({ ...NAME, key: required(text()) }),
    {},
    async (served, { name, key }) => {
      await served.database.write((sql) => deleteModelTag(sql, name, key, changeOf(served)));
      return {};
    },
  ),
  route(
    'POST',
    '/mlflow/registered-models/alias',
    'setRegisteredModelAlias',
    on('EDIT', model),
    message({ ...VERSION, alias: required(text()) }),
    {},
    async (served, { name, alias, version }) => {
      await served.database.write((sql) => setAlias(sql, name, alias, version, changeOf(served)));
      return {};
    },
  ),
  route(
    'DELETE',
    '/mlflow/registered-models/alias',
    'deleteRegisteredModelAlias',
    on('EDIT', model),
    message({ ...NAME, alias: required(text()) }),
    {},
    async (served, { name, alias }) => {
      await served.database.write((sql) => deleteAlias(sql, name, alias, changeOf(served)));
      return {};
    },
  ),
  route(
    'GET',
    '/mlflow/registered-models/alias',
    'getModelVersionByAlias',
    on('READ', model),
    message({ ...NAME, alias: required(text()) }),
    { model_version: MODEL_VERSION },
    async ({ database }, { name, alias }) => ({
      model_version: await database.read((sql) => readAlias(sql, name, alias)),
    }),
  ),
  route(
    'POST',
    '/mlflow/model-versions/create',
    'createModelVersion',
    both(on('EDIT', model), on('READ', originOf)),
    message({
      ...NAME,
      source: required(text()),
      run_id: text(),
      run_link: text(),
      description: text(),
      tags: repeated(nested(TAG)),
    }),
    { model_version: MODEL_VERSION },
    async (served, { name, source, run_id, run_link, description, tags }) => {
      const found = await contentOf(served, modelSource(source, served.root));
      const model_version = await served.database.write(async (sql) => {
        await checkReproductionTag(sql, { source: found.source, digest: found.digest }, tags);
        const version = await createVersion(
          sql,
          {
            name,
            source: found.source,
            runId: run_id === '' ? undefined : run_id,
            runLink: run_link,
            description,
            tags,
            digest: found.digest,
            size: found.size,
          },
          changeOf(served),
        );
        return readVersion(sql, name, version);
      });
      if (found.digest !== undefined) await served.artifacts.keepModel(found.digest);
      return { model_version };
    },
  ),
  route(
    'GET',
    '/mlflow/model-versions/get',
    'getModelVersion',
    on('READ', model),
    message(VERSION),
    { model_version: MODEL_VERSION },
    async ({ database }, { name, version }) => ({
      model_version: await database.read((sql) => readVersion(sql, name, version)),
    }),
  ),
  route(
    'GET',
    '/mlflow/model-versions/get-download-uri',
    'getModelVersionDownloadUri',
    on('READ', model),
    message(VERSION),
    { artifact_uri: TEXT },
    async ({ database, servesArtifacts }, { name, version }) => {
      const { source, copy } = await database.read((sql) => contentOfVersion(sql, name, version));
      return { artifact_uri: copy !== undefined && servesArtifacts ? addressOfCopy(copy.digest) : source };
    },
  ),
  route(
    'GET',
    '/mlflow/model-versions/search',
    'searchModelVersions',
    SIGNED_IN,
    message({ ...SEARCH, max_results: otherwise(atMost(200_000), 10_000) }),
    { model_versions: listOf(MODEL_VERSION), ...PAGE },
    async ({ database, identity }, { filter, order_by, page_token, max_results }) =>
      database.read((sql) =>
        searchVersions(
          sql,
          { filter, orderBy: order_by, pageToken: page_token, maxResults: max_results },
          readableBy(sql, identity, 'model', 'v.name'),
        ),
      ),
  ),
  route(
    'PATCH',
    '/mlflow/model-versions/update',
    'updateModelVersion',
    on('EDIT', model),
    message({ ...VERSION, description: otherwise(text(), '') }),
    { model_version: MODEL_VERSION },
    async (served, { name, version, description }) => ({
      model_version: await served.database.write(async (sql) => {
        await describeVersion(sql, name, version, description, changeOf(served));
        return readVersion(sql, name, version);
      }),
    }),
  ),
  route(
    'POST',
    '/mlflow/model-versions/transition-stage',
    'transitionModelVersionStage',
    on('EDIT', model),
    message({ ...VERSION, stage: required(text()), archive_existing_versions: otherwise(boolean(), false) }),
    { model_version: MODEL_VERSION },
    async (served, { name, version, stage, archive_existing_versions: archive }) => ({
      model_version: await served.database.write(async (sql) => {
        await moveStage(sql, name, version, { stage, archive }, changeOf(served));
        return readVersion(sql, name, version);
      }),
    }),
  ),
  route(
    'DELETE',
    '/mlflow/model-versions/delete',
    'deleteModelVersion',
    on('MANAGE', model),
    message(VERSION),
    {},
    async (served, { name, version }) => {
      const freed = await served.database.write(async (sql) => {
        const blobs = await blobsOfVersions(sql, name, version);
        await deleteVersion(sql, name, version, changeOf(served));
        return blobs;
      });
      await served.artifacts.release(freed);
      return {};
    },
  ),
  route(
    'POST',
    '/mlflow/model-versions/set-tag',
    'setModelVersionTag',
    on('EDIT', model),
    message({ ...VERSION, key: required(text()), value: present(text()) }),
    {},
    async (served, { name, version, key, value }) => {
      await served.database.write(async (sql) => {
        if (key === REPRODUCTION_TAG) {
          const { source, copy } = await contentOfVersion(sql, name, version);
          await checkReproductionTag(sql, { source, digest: copy?.digest }, [{ key, value }]);
        }
        await setVersionTag(sql, name, version, { key, value }, changeOf(served));
      });
      return {};
    },
  ),
  route(
    'DELETE',
    '/mlflow/model-versions/delete-tag',
    'deleteModelVersionTag',
    on('EDIT', model),
    message({ ...VERSION, key: required(text()) }),
    {},
    async (served, { name, version, key }) => {
      await served.database.write((sql) => deleteVersionTag(sql, name, version, key, changeOf(served)));
      return {};
    },
  ),
];

async function latest(
  { database }: Served,
  { name, stages }: ReturnType<typeof LATEST.read>,
): Promise<object> {
  return { model_versions: await database.read((sql) => latestVersions(sql, name, stages)) };
}
