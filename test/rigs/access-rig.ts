import { BlockList } from 'node:net';
import { join } from 'node:path';
import type { InjectOptions, LightMyRequestResponse } from 'fastify';
import { systemWorld } from '../../src/core/system-world.ts';
import type { Database } from '../../src/db/sql.ts';
import { SqliteDatabase } from '../../src/db/sqlite-database.ts';
import { LedgerDesk } from '../../src/ledger/ledger-desk.ts';
import { ledgerMigrations } from '../../src/ledger/schema.ts';
import { Authenticator } from '../../src/server/authenticate.ts';
import type { Log } from '../../src/server/log.ts';
import { Provider, type ProviderOptions } from '../../src/server/sign-in/provider.ts';
import { SignInLimit } from '../../src/server/sign-in-limit.ts';
import { grant, type Resource } from '../../src/tracking/access/grants.ts';
import { addMember, createGroup } from '../../src/tracking/access/groups.ts';
import { hashPassword } from '../../src/tracking/access/passwords.ts';
import type { Permission, Role, Scope } from '../../src/tracking/access/permission.ts';
import { createToken } from '../../src/tracking/access/tokens.ts';
import { createUser } from '../../src/tracking/access/users.ts';
import { type Folder, HOST, ServerRig } from './server-rig.ts';

const CHANGE = { actor: 'test', at: 1 };
export const PROXY_ADDRESS = '10.0.0.1';
const PROXY = new BlockList();
PROXY.addAddress(PROXY_ADDRESS);

/** A request's method and path below `/api/`, and its body or query. */
export interface Ask {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: object | undefined;
  readonly query?: Readonly<Record<string, string | string[]>> | undefined;
}

export interface Got {
  readonly status: number;
  // Answers are compared whole, with matchers.
  readonly body: Readonly<Record<string, unknown>>;
}

export interface AccessRigOptions {
  readonly provider?: ProviderOptions;
  readonly log?: Log;
  /** Where clients' files lie; the store unless this says otherwise. */
  readonly folder?: Folder;
  /** Where users reach it, by a proxy. */
  readonly publicUrl?: string;
  /** Files of its own unless these say otherwise; they are closed with the rig. */
  readonly database?: Database;
  readonly ledger?: Database;
}

/** The server in this process where users sign in, with all that it may serve. */
export class AccessRig implements AsyncDisposable {
  readonly server: ServerRig;
  #ledger: Database | undefined;

  private constructor({ provider, log, folder, publicUrl, database, ledger }: AccessRigOptions) {
    const authenticatedBy: Parameters<typeof ServerRig.create>[0] = (database, now, { dir, store }) => {
      const proxy = {
        from: PROXY,
        userHeader: 'x-forwarded-user',
        groupsHeader: 'x-forwarded-groups',
        newUsers: 'member',
      } as const;
      const limit = new SignInLimit(now);
      const authenticator = new Authenticator({ database, now, limit, proxy });
      const { clock } = systemWorld({});
      this.#ledger =
        ledger ??
        SqliteDatabase.open({
          path: join(dir, 'ledger.db'),
          migrations: ledgerMigrations('sqlite'),
          durability: 'full',
        });
      const desk = new LedgerDesk(this.#ledger, { clock, onForgotten: () => undefined });
      return {
        log,
        publicUrl,
        trustedProxies: [PROXY_ADDRESS],
        authenticate: (request) => authenticator.identify(request),
        signIn: {
          authenticator,
          database,
          now,
          publicUrl,
          provider: provider === undefined ? undefined : new Provider(provider),
          newUsers: 'member',
        },
        runs: { home: dir, clock },
        submissions: { desk, store, place: 'here' },
      };
    };
    this.server = ServerRig.create(authenticatedBy, folder, database);
  }

  static create(options: AccessRigOptions = {}): AccessRig {
    return new AccessRig(options);
  }

  /** A new user's token. */
  async user(name: string, role: Role = 'member'): Promise<string> {
    await this.server.database.write((sql) =>
      createUser(sql, { name, role, passwordHash: undefined }, CHANGE),
    );
    return this.token(name);
  }

  async userWithPassword(name: string, password: string): Promise<void> {
    const passwordHash = await hashPassword(password);
    await this.server.database.write((sql) =>
      createUser(sql, { name, role: 'member', passwordHash }, CHANGE),
    );
  }

  async token(username: string, scope: Scope = 'admin', expiresAt?: number): Promise<string> {
    const token = { kind: 'api', username, name: 't', scope, expiresAt } as const;
    return this.server.database.write((sql) => createToken(sql, token, CHANGE));
  }

  async group(name: string, members: readonly string[], role?: Role): Promise<void> {
    await this.server.database.write(async (sql) => {
      await createGroup(sql, { name, role }, CHANGE);
      for (const user of members) await addMember(sql, { group: name, user }, CHANGE);
    });
  }

  async grant(permission: Permission, on: Resource, principal: string): Promise<void> {
    await this.server.database.write((sql) => grant(sql, on, { principal, permission }, CHANGE));
  }

  /** Asks with a token, or as nobody. */
  async ask(token: string | undefined, { method, path, body, query }: Ask): Promise<Got> {
    const answer = await this.inject(token === undefined ? {} : { authorization: `Bearer ${token}` }, {
      method,
      url: `/api/${path}`,
      ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
      ...(query === undefined ? {} : { query }),
    });
    return { status: answer.statusCode, body: JSON.parse(answer.body) as Got['body'] };
  }

  async post(token: string | undefined, path: string, body: object): Promise<Got> {
    return this.ask(token, { method: 'POST', path: `2.0/mlflow/${path}`, body });
  }

  async get(
    token: string | undefined,
    path: string,
    query: Readonly<Record<string, string>> = {},
  ): Promise<Got> {
    return this.ask(token, { method: 'GET', path: `2.0/mlflow/${path}`, query });
  }

  async inject(
    headers: Readonly<Record<string, string>>,
    options: InjectOptions,
  ): Promise<LightMyRequestResponse> {
    return this.server.app.inject({
      ...options,
      headers: { ...HOST, 'content-type': 'application/json', ...headers, ...options.headers },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ledger?.[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}
