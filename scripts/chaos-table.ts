import { readFileSync } from 'node:fs';
import { type Findings, tableOf } from '../test/chaos/findings.ts';

/** The table of faults and violations from what campaigns have left: `node scripts/chaos-table.ts FILE…`. */
const lines = process.argv.slice(2).flatMap((path) => readFileSync(path, 'utf8').trim().split('\n'));
console.log(tableOf(lines.map((line) => JSON.parse(line) as Findings)));
