/** A provider that a server is told of, and nobody answers as. */
export const SILENT_PROVIDER = {
  issuer: 'http://127.0.0.1:1',
  clientId: 'x',
  clientSecret: undefined,
  nameClaim: 'email',
  groupsClaim: 'groups',
};
