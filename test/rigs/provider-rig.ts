import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import OidcProvider from 'oidc-provider';
import type { ProviderOptions } from '../../src/server/sign-in/provider.ts';
import type { Browser, Page } from './browser.ts';

/** A real OpenID Connect provider on this machine, where anybody signs in as whom they say. */
export class ProviderRig implements AsyncDisposable {
  readonly options: ProviderOptions;
  readonly #server: Server;
  readonly #warn: typeof console.warn;

  private constructor(server: Server, issuer: string, warn: typeof console.warn) {
    this.#server = server;
    this.#warn = warn;
    this.options = {
      issuer,
      clientId: 'stockpot',
      clientSecret: 'a secret of the client',
      nameClaim: 'email',
      groupsClaim: 'groups',
    };
  }

  /** `redirectUri` is where the provider may send people back to. */
  static async start(redirectUri: () => string): Promise<ProviderRig> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    // It says that its keys are for development.
    // oxlint-disable-next-line no-console
    const { warn } = console;
    // oxlint-disable-next-line no-console
    console.warn = () => {};
    // oxlint-disable-next-line no-console
    console.info = () => {};
    let callback: ReturnType<OidcProvider['callback']> | undefined;
    server.on('request', (request, response) => {
      callback ??= new OidcProvider(issuer, {
        clients: [
          {
            client_id: 'stockpot',
            client_secret: 'a secret of the client',
            redirect_uris: [redirectUri()],
            response_types: ['code'],
            grant_types: ['authorization_code'],
          },
        ],
        claims: { openid: ['sub'], email: ['email'], profile: ['groups'] },
        conformIdTokenClaims: false,
        cookies: { keys: ['some key'] },
        findAccount: (_: unknown, id: string) => ({
          accountId: id,
          claims: () => ({ sub: id, email: `${id}@example.com`, groups: ['risk', 'unknown'] }),
        }),
      }).callback();
      callback(request, response);
    });
    return new ProviderRig(server, issuer, warn);
  }

  /** Signs in as somebody on the provider's page, and allows what is asked; comes back as far as `until`. */
  async signIn(browser: Browser, page: Page, login: string, until?: string): Promise<Page> {
    const asked = await browser.open(actionOf(page), { form: { prompt: 'login', login, password: 'x' } });
    const form = { prompt: 'consent' };
    return browser.open(actionOf(asked), until === undefined ? { form } : { form, until });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // oxlint-disable-next-line no-console
    console.warn = this.#warn;
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

function actionOf({ text, url }: Page): string {
  const action = /action="([^"]+)"/.exec(text)?.[1] ?? '';
  return new URL(action, url).href;
}
