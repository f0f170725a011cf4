import { expect, test } from 'vitest';
import { fingerprint } from '../../src/core/ids.ts';
import { RecipeError } from '../../src/core/recipe-error.ts';
import { parseS3Url, s3Url } from '../../src/store/remote/s3-address.ts';
import { s3FromEnvironment } from '../../src/store/remote/s3-environment.ts';
import { ImpatientClock } from '../rigs/s3-rig.ts';
import { S3Server } from '../rigs/s3-server.ts';

const KEYS = { AWS_ACCESS_KEY_ID: 'AKID', AWS_SECRET_ACCESS_KEY: 'secret' };
const clock = new ImpatientClock();

test.each([
  ['s3://bucket', { bucket: 'bucket', prefix: '' }],
  ['s3://bucket/', { bucket: 'bucket', prefix: '' }],
  ['s3://my.bucket_1/a b/ü+%20#?', { bucket: 'my.bucket_1', prefix: 'a b/ü+%20#?/' }],
  ['s3://bucket/a/', { bucket: 'bucket', prefix: 'a/' }],
  ['s3://', undefined],
  ['s3:///a', undefined],
  ['s3://user@bucket/a', undefined],
  ['s3://bucket/a//b', undefined],
  ['s3://bucket/../a', undefined],
  ['s3://bucket/./a', undefined],
  ['s3://bucket/a\nb', undefined],
  ['s3://bucket/\ud800', undefined],
  ['https://bucket/a', undefined],
])('the address %j', (url, place) => {
  expect(parseS3Url(url)).toEqual(place);
});

test('where objects are: the bucket is part of the host at AWS, unless it has dots, and of the path elsewhere', () => {
  const at = { bucket: 'b', prefix: 'p q/', endpoint: undefined, region: 'eu-central-1' };
  expect([
    s3Url(at, 'k', 'uploads='),
    s3Url({ ...at, bucket: 'my.bucket' }, 'k'),
    s3Url({ ...at, region: 'cn-north-1' }, 'k'),
    s3Url({ ...at, endpoint: 'https://s3.example.com:9000/at/' }, 'k'),
  ]).toEqual([
    'https://b.s3.eu-central-1.amazonaws.com/p%20q/k?uploads=',
    'https://s3.eu-central-1.amazonaws.com/my.bucket/p%20q/k',
    'https://b.s3.cn-north-1.amazonaws.com.cn/p%20q/k',
    'https://s3.example.com:9000/at/b/p%20q/k',
  ]);
});

test.each([
  [
    's3://bucket',
    {},
    'REMOTE_WITHOUT_KEYS',
    'The shared cache s3://bucket needs AWS_ACCESS_KEY_ID, which is not set',
  ],
  [
    's3://bucket',
    { AWS_ACCESS_KEY_ID: 'AKID', AWS_SECRET_ACCESS_KEY: '' },
    'REMOTE_WITHOUT_KEYS',
    'The shared cache s3://bucket needs AWS_SECRET_ACCESS_KEY, which is not set',
  ],
  ['s3://bucket', KEYS, 'REMOTE_WITHOUT_REGION', 'The region of the shared cache s3://bucket is not known'],
  [
    's3://bucket/..',
    KEYS,
    'REMOTE_INVALID',
    "The shared cache s3://bucket/..: it is not s3://BUCKET/PREFIX with a prefix of parts that are neither empty nor '.' nor '..'",
  ],
  [
    's3://bucket',
    { ...KEYS, AWS_REGION: 'evil.example.com/' },
    'REMOTE_INVALID',
    'The shared cache s3://bucket: its region is no name of one',
  ],
  ...['minio:9000', 'ftp://h', 'https://user:secret@h', 'https://h?a'].map(
    (endpoint) =>
      [
        's3://bucket',
        { ...KEYS, AWS_ENDPOINT_URL: endpoint },
        'REMOTE_INVALID',
        'The shared cache s3://bucket: its endpoint is not https://HOST or http://HOST, without user, query and fragment',
      ] as const,
  ),
] as const)('%s with %j is %s', (url, env, code, message) => {
  const open = (): unknown => s3FromEnvironment(url, { env, clock });
  expect(open).toThrow(RecipeError);
  expect(open).toThrow(expect.objectContaining({ code, message }));
});

test('keys, token, endpoint and region are those of the environment, S3’s own endpoint before any', async () => {
  await using server = await S3Server.start();
  const env = {
    AWS_ACCESS_KEY_ID: server.key.id,
    AWS_SECRET_ACCESS_KEY: server.key.secret,
    AWS_SESSION_TOKEN: 'token',
    AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
    AWS_ENDPOINT_URL_S3: server.endpoint,
    AWS_DEFAULT_REGION: 'eu-north-1',
  };
  await using remote = s3FromEnvironment('s3://bucket/p', { env, clock });
  expect(await remote.readResult(fingerprint('a'.repeat(64)))).toBeUndefined();
  const { 'x-amz-security-token': token, authorization } = server.calls[0]?.headers ?? {};
  expect(token).toBe('token');
  expect(authorization).toContain('/eu-north-1/s3/aws4_request');
});
