import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cliDocs } from './cli-docs.ts';
import { withEndpoints } from './endpoint-docs.ts';

const DOCS = join(import.meta.dirname, '../docs');

writeFileSync(join(DOCS, 'cli.md'), cliDocs());
const page = join(DOCS, 'mlflow-compatibility.md');
writeFileSync(page, withEndpoints(readFileSync(page, 'utf8')));
