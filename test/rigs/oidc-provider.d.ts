declare module 'oidc-provider' {
  import type { RequestListener } from 'node:http';

  /** As much of the package as the rig uses. */
  export default class OidcProvider {
    constructor(issuer: string, configuration: object);
    callback(): RequestListener;
  }
}
