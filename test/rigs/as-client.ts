import type { Tag } from '../../src/tracking/mlflow/messages.ts';
import { type RestClient, refusalOf } from '../../src/tracking/rest/rest-client.ts';

/** Registers a version whose files are at an address of another store, as clients of MLflow do. */
export async function registerAsClient(
  client: RestClient,
  name: string,
  modelTags: readonly Tag[] = [],
): Promise<void> {
  const tags = modelTags.map(({ key, value }) => ({ key, value }));
  await client.send('POST', 'registered-models/create', { name, tags }).catch((error: unknown) => {
    if (refusalOf(error)?.code !== 'RESOURCE_ALREADY_EXISTS') throw error;
  });
  await client.send('POST', 'model-versions/create', { name, source: 's3://bucket/model' });
}
