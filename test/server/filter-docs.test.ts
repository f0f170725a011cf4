import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ask, SEARCHES } from '../rigs/search-calls.ts';
import { ServerRig } from '../rigs/server-rig.ts';

const DOCS = readFileSync(join(import.meta.dirname, '../../docs/filters.md'), 'utf8');

test.each(SEARCHES)('docs/filters.md names every attribute that a search of $of takes', async (search) => {
  await using rig = ServerRig.create();
  const { body } = await ask(rig, search, { filter: 'zzzzzzzzzzzz = 1' });
  const known = /; there are (.+)$/.exec(String(body['message']))?.[1]?.split(', ') ?? [];
  const [, ...cells] =
    DOCS.split('\n')
      .find((line) => line.startsWith(`| ${search.of} |`))
      ?.split('|') ?? [];
  const [, texts = '', numbers = ''] = cells;
  const named = Array.from(`${texts} ${numbers}`.matchAll(/`([^`]+)`/g), ([, name = '']) => name);
  expect(named.toSorted()).toEqual(known.toSorted());
});
