import { describeSubmitted } from '../conformance/describe-submitted.ts';
import { onPostgres } from '../rigs/on-postgres.ts';
import { startFolder, startS3, startServed } from '../rigs/shared-store.ts';

onPostgres((postgres) => {
  describeSubmitted('a folder', startFolder, postgres);
  describeSubmitted('a bucket of S3', startS3, postgres);
  describeSubmitted('`recipe server`', startServed, postgres);
});
