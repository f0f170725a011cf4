import { RestClient } from '../../src/tracking/rest/rest-client.ts';
import { RestRegistry } from '../../src/tracking/rest/rest-registry.ts';
import { RestTracking } from '../../src/tracking/rest/rest-tracking.ts';
import { describeRegistry } from '../conformance/describe-registry.ts';
import { describeTracking } from '../conformance/describe-tracking.ts';
import { registerAsClient } from '../rigs/as-client.ts';
import { REAL_FILES } from '../rigs/real-files.ts';
import { ServerRig } from '../rigs/server-rig.ts';

const now = (): number => 1000;

function trackingAt(port: number): { client: RestClient; tracking: RestTracking } {
  const client = new RestClient({ url: `http://localhost:${port}`, authorization: undefined, now });
  return { client, tracking: new RestTracking(client, REAL_FILES) };
}

function registryAt(port: number): RestRegistry {
  return new RestRegistry({ ...trackingAt(port), files: REAL_FILES, now });
}

describeTracking('recipe server over HTTP', async () => {
  const rig = ServerRig.create();
  const { tracking } = trackingAt(await rig.listen());
  return { tracking, [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose]() };
});

describeRegistry(
  'recipe server over HTTP',
  async () => {
    const rig = ServerRig.create();
    const port = await rig.listen();
    return {
      registry: registryAt(port),
      other: registryAt(port),
      pinned: [],
      asClient: (name, tags) => registerAsClient(trackingAt(port).client, name, tags),
      [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
    };
  },
  { hasOwnAudit: true, pinsNothing: true },
);
