import { randomInt, randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import type { FastifyInstance } from 'fastify';
import { type ProjectHome, type Surroundings, storeName } from './compose-home.ts';
import type { LedgerDesk } from './ledger/ledger-desk.ts';
import { Outbound } from './net/outbound.ts';
import { Artifacts } from './server/artifacts.ts';
import { openArtifactsFolder } from './server/artifacts-folder.ts';
import { Authenticator } from './server/authenticate.ts';
import { createServer } from './server/create-server.ts';
import { FirstUser } from './server/first-user.ts';
import type { Log } from './server/log.ts';
import { MultipartUploads } from './server/multipart-uploads.ts';
import type { ProxyTrust } from './server/proxy-identity.ts';
import { requireSharedFiles } from './server/shared-files.ts';
import { Provider, type ProviderOptions } from './server/sign-in/provider.ts';
import { SignInLimit } from './server/sign-in-limit.ts';
import { Courier } from './server/webhooks/courier.ts';
import { markNamedBlobs } from './store/mark-named-blobs.ts';
import type { Role } from './tracking/access/permission.ts';
import { setupToken } from './tracking/access/set-up.ts';
import { openDatabase } from './tracking/open-database.ts';
import { databaseName } from './tracking/places.ts';
import { VersionPins } from './tracking/version-pins.ts';

export interface ServeRequest {
  /** Names that the server is called by, without port. */
  readonly hosts: readonly string[];
  /** Whether users sign in; `if-any`: as soon as there are users. */
  readonly auth: 'on' | 'off' | 'if-any';
  readonly publicUrl: string | undefined;
  /** Addresses or ranges of a proxy, and what it says of who asks. */
  readonly proxy: (ProxyTrust & { readonly addresses: readonly string[] }) | undefined;
  /** An OpenID Connect provider where users sign in. */
  readonly provider: ProviderOptions | undefined;
  /** Of users whom a proxy or a provider names for the first time. */
  readonly newUsers: Role;
  /**
   * Where artifacts lie of experiments that do not say: `mlflow-artifacts:` for here, `s3://…` where clients go
   * themselves, a path without links if they write to this machine's disk.
   */
  readonly artifactRoot: string;
  /** A folder of this machine where clients' files lie in MLflow's layout, instead of the cache. */
  readonly artifactsFolder: string | undefined;
  /** Whether clients' files pass through the server. */
  readonly servesArtifacts: boolean;
  /** `postgres://…` or `sqlite:PATH` instead of the home's own. */
  readonly database: string | undefined;
  /** Where webhooks may be called beside public addresses: `HOST` or `HOST:PORT`. */
  readonly webhookHosts: readonly string[];
  /** The ledger, if terminals may submit runs here. */
  readonly submissions?: LedgerDesk | undefined;
  /** How many ticks ended how, if the server runs schedules. */
  readonly ticks?: ReadonlyMap<string, number> | undefined;
  /** None: requests are not logged. */
  readonly log: Log | undefined;
  /** What a webhook was not told, as a line. */
  readonly onGivenUp: (line: string) => void;
  /** What a request met that is a bug. */
  readonly onBug: (error: Error, request: string) => void;
}

export interface ComposedServer extends AsyncDisposable {
  readonly app: FastifyInstance;
  /** When it starts; a server that was asked for `if-any` has users sign in from the first one on. */
  readonly auth: 'on' | 'off';
  /** Makes the first administrator; undefined where there is one, or nobody signs in. */
  readonly setupToken: string | undefined;
  /** Where users sign in elsewhere. */
  readonly provider: Provider | undefined;
}

/** MLflow's API over what is tracked in a project, ready to listen. */
export async function composeServer(
  project: ProjectHome,
  { world, version }: Surroundings,
  request: ServeRequest,
): Promise<ComposedServer> {
  const { hosts, auth: asked, publicUrl, proxy, newUsers, onBug } = request;
  const { home, store } = project;
  const now = (): number => world.clock.now();
  const database = await openDatabase(home, request.database);
  await requireSharedFiles(database, store.layout.root);
  markNamedBlobs(store, now());
  const firstUser = new FirstUser(database, () => world.clock.monotonic());
  const isOn = async (): Promise<boolean> => (asked === 'if-any' ? firstUser.isThere() : asked === 'on');
  const auth = (await isOn()) ? 'on' : 'off';
  const authenticator = new Authenticator({ database, now, limit: new SignInLimit(now), proxy });
  const local = { kind: 'local', name: project.user } as const;
  const outbound = new Outbound(request.webhookHosts);
  const random = (): number => randomInt(2 ** 32) / 2 ** 32;
  const folder = await openArtifactsFolder({
    dir: request.artifactsFolder,
    own: [home, store.layout.root, ...fileOf(request.database)],
    database,
    store,
    now: now(),
  });
  const pins = new VersionPins({ store, home, database: databaseName(request.database) });
  const artifacts = new Artifacts({ database, store, home, now, root: request.artifactRoot, folder, pins });
  const provider = request.provider === undefined ? undefined : new Provider(request.provider);
  const app = createServer({
    served: {
      database,
      outbound,
      artifacts,
      uploads: new MultipartUploads({ database, artifacts, store, now }),
      root: request.artifactRoot,
      now,
      newId: () => randomUUID().replaceAll('-', ''),
      random,
    },
    authenticate: async (request) => ((await isOn()) ? authenticator.identify(request) : local),
    allowedHosts: hosts,
    publicUrl,
    trustedProxies: proxy?.addresses ?? [],
    signIn:
      asked === 'off'
        ? undefined
        : {
            authenticator,
            database,
            now,
            publicUrl,
            provider,
            newUsers,
          },
    runs: { home, clock: world.clock },
    sharedCache: { store, now },
    submissions:
      request.submissions === undefined
        ? undefined
        : { desk: request.submissions, store, place: storeName(project) },
    ticks: request.ticks,
    servesArtifacts: request.servesArtifacts,
    version,
    log: request.log,
    onBug,
  });
  const courier = Courier.start({
    database,
    outbound,
    clock: world.clock,
    random,
    onGivenUp: request.onGivenUp,
    onBug,
  });
  // What requests leave behind is cleared away less often; `bin/recipe.js` keeps room for it small.
  setFlagsFromString('--semi-space-growth-factor=2');
  return {
    app,
    auth,
    provider,
    setupToken: auth === 'on' && proxy === undefined ? await setupToken(database, now()) : undefined,
    [Symbol.asyncDispose]: async () => {
      await courier[Symbol.asyncDispose]();
      await app.close();
      await database[Symbol.asyncDispose]();
    },
  };
}

/** The file of a database that is one. */
function fileOf(database: string | undefined): string[] {
  return database?.startsWith('sqlite:') === true ? [resolve(database.slice('sqlite:'.length))] : [];
}
