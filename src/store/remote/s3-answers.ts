/** Why S3 says no, in its own words. */
export interface S3Failure {
  readonly status: number;
  /** `AccessDenied`; empty where the answer has no body, as those to HEAD. */
  readonly code: string;
  readonly message: string;
  /** Of the bucket, if it is another than the one that was asked. */
  readonly region: string | undefined;
}

/** The text of an element of an answer in XML, which S3 writes without attributes; empty if there is none. */
export function element(xml: string, name: string): string {
  const start = xml.indexOf(`<${name}>`);
  const end = xml.indexOf(`</${name}>`, start);
  if (start === -1 || end === -1) return '';
  return plain(xml.slice(start + name.length + 2, end));
}

/** The texts of all elements of a name, in their order. */
export function elements(xml: string, name: string): string[] {
  return xml
    .split(`<${name}>`)
    .slice(1)
    .map((rest) => plain(rest.slice(0, rest.indexOf(`</${name}>`))));
}

function plain(text: string): string {
  return text.replace(/&(lt|gt|quot|apos|amp|#34|#39);/g, (_, entity: string) => ENTITIES[entity] ?? '');
}

const ENTITIES: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  amp: '&',
  '#34': '"',
  '#39': "'",
};

export function failureFrom(status: number, xml: string, region: string | undefined): S3Failure {
  return {
    status,
    code: element(xml, 'Code'),
    message: element(xml, 'Message'),
    region: element(xml, 'Region') || region,
  };
}

/** Whether the same request may succeed a little later. */
export function isPassing({ status, code }: S3Failure): boolean {
  if (PASSING.has(code)) return true;
  return status === 429 || status === 408 || (status >= 500 && status !== 501);
}

const PASSING: ReadonlySet<string> = new Set([
  'RequestTimeout',
  'SlowDown',
  'InternalError',
  'ServiceUnavailable',
  'OperationAborted',
]);

/** What S3 says, and what to look at. */
export function explained(failure: S3Failure): string {
  const { status, code, message, region } = failure;
  const said = [code || `status ${status}`, message].filter((part) => part !== '').join(', ');
  if (region !== undefined && (status === 301 || code === 'AuthorizationHeaderMalformed'))
    return `the bucket is in the region ${region}: set AWS_REGION to that`;
  const advice = ADVICE[code] ?? (status === 403 ? ADVICE['AccessDenied'] : undefined);
  return advice === undefined ? said : `${said}: ${advice}`;
}

const ADVICE: Readonly<Record<string, string>> = {
  AccessDenied: 'check that the key may s3:GetObject, s3:PutObject and s3:ListBucket there',
  InvalidAccessKeyId: 'check AWS_ACCESS_KEY_ID',
  SignatureDoesNotMatch: 'check AWS_SECRET_ACCESS_KEY',
  ExpiredToken: 'ask for a new AWS_SESSION_TOKEN',
  InvalidToken: 'ask for a new AWS_SESSION_TOKEN',
  RequestTimeTooSkewed: 'check the clock of this machine',
  NoSuchBucket: 'check the name of the bucket, and the endpoint',
  PermanentRedirect: 'check the region and the endpoint',
  AuthorizationHeaderMalformed: 'check AWS_REGION',
  XAmzContentSHA256Mismatch: 'check the blobs here with `recipe cache fsck`',
  BadDigest: 'check the blobs here with `recipe cache fsck`',
};
