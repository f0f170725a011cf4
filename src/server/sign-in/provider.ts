import type { Configuration, CustomFetch } from 'openid-client';
import { unauthenticated } from '../policy.ts';

/** An OpenID Connect provider that knows the users. */
export interface ProviderOptions {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string | undefined;
  /** The claim that names a user here. */
  readonly nameClaim: string;
  /** The claim that lists groups. */
  readonly groupsClaim: string;
}

/** Whom the provider signed in. */
export interface Claims {
  /** Issuer and subject: what stays when a name changes. */
  readonly subject: string;
  readonly name: string;
  readonly groups: readonly string[];
}

/** A sign-in that is under way at the provider. */
export interface Begun {
  readonly verifier: string;
  readonly nonce: string;
}

/** The authorization code flow with PKCE, state and nonce (OpenID Connect Core 1.0 §3.1, RFC 7636). */
export class Provider {
  readonly #options: ProviderOptions;
  #found: Promise<Configuration> | undefined;

  constructor(options: ProviderOptions) {
    this.#options = options;
  }

  /** Why nobody could sign in there now; undefined if it answers, or as `signal` ends the asking. */
  async problem(signal: AbortSignal): Promise<string | undefined> {
    try {
      await this.#discover(signal);
      return undefined;
    } catch (cause) {
      return signal.aborted ? undefined : this.#unreachable(cause);
    }
  }

  async begin(): Promise<Begun> {
    const { randomNonce, randomPKCECodeVerifier } = await import('openid-client');
    return { verifier: randomPKCECodeVerifier(), nonce: randomNonce() };
  }

  /** Where the browser goes. */
  async address({ verifier, nonce }: Begun, state: string, redirectUri: string): Promise<string> {
    const { buildAuthorizationUrl, calculatePKCECodeChallenge } = await import('openid-client');
    const url = buildAuthorizationUrl(await this.#configuration(), {
      redirect_uri: redirectUri,
      scope: 'openid email profile',
      code_challenge: await calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      nonce,
    });
    return url.href;
  }

  /** @throws MlflowError UNAUTHENTICATED with what the provider or its answer lacks */
  async finish({ verifier, nonce }: Begun, state: string, cameTo: URL): Promise<Claims> {
    const { authorizationCodeGrant } = await import('openid-client');
    const configuration = await this.#configuration();
    let claims: Readonly<Record<string, unknown>> | undefined;
    try {
      const tokens = await authorizationCodeGrant(configuration, cameTo, {
        pkceCodeVerifier: verifier,
        expectedState: state,
        expectedNonce: nonce,
        idTokenExpected: true,
      });
      claims = tokens.claims();
    } catch (cause) {
      throw unauthenticated(`The provider did not sign you in: ${(cause as Error).message}.`);
    }
    const { issuer, nameClaim, groupsClaim } = this.#options;
    const name = claims?.[nameClaim];
    if (claims === undefined || typeof name !== 'string' || name === '')
      throw unauthenticated(`The provider does not say your ${nameClaim}: see --oidc-name-claim.`);
    if (nameClaim === 'email' && claims['email_verified'] === false)
      throw unauthenticated('The provider has not verified your email address.');
    const groups = claims[groupsClaim];
    return {
      subject: `${issuer}#${String(claims['sub'])}`,
      name,
      groups: Array.isArray(groups) ? groups.map(String) : [],
    };
  }

  /** Asked for when it is first needed: the server starts also while the provider does not answer. */
  async #configuration(): Promise<Configuration> {
    this.#found ??= this.#discover();
    try {
      return await this.#found;
    } catch (cause) {
      this.#found = undefined;
      throw unauthenticated(this.#unreachable(cause));
    }
  }

  #unreachable(cause: unknown): string {
    return `The provider ${this.#options.issuer} cannot be reached: ${(cause as Error).message}.`;
  }

  async #discover(signal?: AbortSignal): Promise<Configuration> {
    const { allowInsecureRequests, customFetch, discovery } = await import('openid-client');
    const { issuer, clientId, clientSecret } = this.#options;
    const isLocal = /^http:\/\/(?:127\.0\.0\.1|localhost|\[::1\])(?::|\/|$)/.test(issuer);
    return discovery(new URL(issuer), clientId, clientSecret, undefined, {
      execute: isLocal ? [allowInsecureRequests] : [],
      ...(signal === undefined ? {} : { [customFetch]: fetchUntil(signal) }),
    });
  }
}

/** A server that ends waits for no provider. */
function fetchUntil(ended: AbortSignal): CustomFetch {
  return async (url, { signal, ...options }) =>
    fetch(url, {
      ...options,
      signal: signal === undefined ? ended : AbortSignal.any([ended, signal]),
    } as RequestInit);
}
