/** Where a cache lies in S3. */
export interface S3Address {
  readonly bucket: string;
  /** What all its keys begin with: empty, or parts with a slash after each. */
  readonly prefix: string;
  /** Of whoever speaks S3; undefined: AWS's own of the region. */
  readonly endpoint: string | undefined;
  readonly region: string;
}

/**
 * The bucket and the prefix of `s3://bucket/prefix`, which is taken as it is written: a `%` in it is a `%`.
 * Undefined for what is no such address, and for parts that a URL would not keep: empty ones, `.` and `..`.
 */
export function parseS3Url(url: string): Pick<S3Address, 'bucket' | 'prefix'> | undefined {
  const [, bucket, path = ''] = /^s3:\/\/([A-Za-z0-9][A-Za-z0-9._-]*)(?:\/(\P{Cc}*))?$/u.exec(url) ?? [];
  if (bucket === undefined) return undefined;
  const trimmed = path.replace(/\/$/, '');
  if (trimmed === '') return { bucket, prefix: '' };
  if (!trimmed.isWellFormed() || trimmed.split('/').some((part) => ['', '.', '..'].includes(part)))
    return undefined;
  return { bucket, prefix: `${trimmed}/` };
}

/** As people write it, and messages say it. */
export function s3Name({ bucket, prefix }: Pick<S3Address, 'bucket' | 'prefix'>): string {
  return `s3://${bucket}/${prefix}`.replace(/\/$/, '');
}

/**
 * The URL of an object, or of the bucket itself. The bucket is part of the host at AWS, and of the path elsewhere, and if it has dots,
 * for which AWS has no certificates.
 */
export function s3Url(
  { bucket, prefix, endpoint, region }: S3Address,
  key: string | undefined,
  query = '',
): string {
  const path = key === undefined ? '' : encodedPath(prefix + key);
  const search = query === '' ? '' : `?${query}`;
  if (endpoint !== undefined) return `${endpoint.replace(/\/$/, '')}/${bucket}/${path}${search}`;
  const host = `s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
  return bucket.includes('.')
    ? `https://${host}/${bucket}/${path}${search}`
    : `https://${bucket}.${host}/${path}${search}`;
}

/** What `x-amz-copy-source` calls an object. */
export function s3CopySource({ bucket, prefix }: S3Address, key: string): string {
  return `/${bucket}/${encodedPath(prefix + key)}`;
}

/** A value in a query, spelt as it is signed. */
export function s3QueryPart(text: string): string {
  return encodedPart(text);
}

/** Each byte but those that RFC 3986 leaves alone as `%XX`, as signatures take it. */
function encodedPath(path: string): string {
  return path.split('/').map(encodedPart).join('/');
}

function encodedPart(part: string): string {
  return encodeURIComponent(part).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
