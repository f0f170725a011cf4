import { randomInt, randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { Project, Surroundings } from './compose.ts';
import { Artifacts } from './server/artifacts.ts';
import { Authenticator } from './server/authenticate.ts';
import { createServer } from './server/create-server.ts';
import type { ProxyTrust } from './server/proxy-identity.ts';
import { requireSharedFiles } from './server/shared-files.ts';
import { Provider, type ProviderOptions } from './server/sign-in/provider.ts';
import { SignInLimit } from './server/sign-in-limit.ts';
import type { Role } from './tracking/access/permission.ts';
import { setupToken } from './tracking/access/set-up.ts';
import { hasUsers } from './tracking/access/users.ts';
import { openDatabase } from './tracking/open-database.ts';

export interface ServeRequest {
  /** Names that the server is called by, without port. */
  readonly hosts: readonly string[];
  /** Whether users sign in; `if-any`: only if there are users. */
  readonly auth: 'on' | 'off' | 'if-any';
  readonly publicUrl: string | undefined;
  /** Addresses or ranges of a proxy, and what it says of who asks. */
  readonly proxy: (ProxyTrust & { readonly addresses: readonly string[] }) | undefined;
  /** An OpenID Connect provider where users sign in. */
  readonly provider: ProviderOptions | undefined;
  /** Of users whom a proxy or a provider names for the first time. */
  readonly newUsers: Role;
  /** Where artifacts lie of experiments that do not say: `mlflow-artifacts:` for here, `s3://…` where clients go themselves. */
  readonly artifactRoot: string;
  /** `postgres://…` or `sqlite:PATH` instead of the home's own. */
  readonly database: string | undefined;
  /** What a request met that is a bug. */
  readonly onBug: (error: Error, request: string) => void;
}

export interface ComposedServer extends AsyncDisposable {
  readonly app: FastifyInstance;
  readonly auth: 'on' | 'off';
  /** Makes the first administrator; undefined where there is one, or nobody signs in. */
  readonly setupToken: string | undefined;
}

/** MLflow's API over what is tracked in a project, ready to listen. */
export async function composeServer(
  project: Project,
  { world, version }: Surroundings,
  request: ServeRequest,
): Promise<ComposedServer> {
  const { hosts, auth: asked, publicUrl, proxy, newUsers, onBug } = request;
  const { home, store } = project;
  const now = (): number => world.clock.now();
  const database = await openDatabase(home, request.database);
  await requireSharedFiles(database, store.layout.root);
  const auth = asked === 'if-any' ? ((await database.read(hasUsers)) ? 'on' : 'off') : asked;
  const authenticator = new Authenticator({ database, now, limit: new SignInLimit(now), proxy });
  const local = { kind: 'local', name: project.user ?? 'unknown' } as const;
  const app = createServer({
    served: {
      database,
      artifacts: new Artifacts({ database, store, home, now }),
      root: request.artifactRoot,
      now,
      newId: () => randomUUID().replaceAll('-', ''),
      random: () => randomInt(2 ** 32) / 2 ** 32,
    },
    authenticate: auth === 'off' ? async () => local : (request) => authenticator.identify(request),
    allowedHosts: hosts,
    publicUrl,
    trustedProxies: proxy?.addresses ?? [],
    signIn:
      auth === 'off'
        ? undefined
        : {
            authenticator,
            database,
            now,
            publicUrl,
            provider: request.provider === undefined ? undefined : new Provider(request.provider),
            newUsers,
          },
    runs: { home, clock: world.clock },
    version,
    onBug,
  });
  return {
    app,
    auth,
    setupToken: auth === 'on' && proxy === undefined ? await setupToken(database, now()) : undefined,
    [Symbol.asyncDispose]: async () => {
      await app.close();
      await database[Symbol.asyncDispose]();
    },
  };
}
