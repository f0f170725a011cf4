import { describe, expect, test } from 'vitest';
import { ask, SEARCHES } from '../rigs/search-calls.ts';
import { ServerRig } from '../rigs/server-rig.ts';

const some = (count: number, of: (n: number) => string): string[] =>
  Array.from({ length: count }, (_, n) => of(n));

describe.each(SEARCHES)('a search of $of', (search) => {
  test('takes a list of any length', async () => {
    await using rig = ServerRig.create();
    const list = some(40_000, (n) => `'${n}'`).join(',');
    for (const operator of ['IN', 'NOT IN'])
      expect(await ask(rig, search, { filter: `${search.text} ${operator} (${list})` })).toMatchObject({
        status: 200,
      });
    expect(rig.bugs).toEqual([]);
  });

  test('takes as many comparisons and keys to order by as there may be, and refuses more in words', async () => {
    await using rig = ServerRig.create();
    const where = (count: number): string => some(count, () => `${search.text} = 'x'`).join(' AND ');
    const most = { filter: where(100), orderBy: some(20, search.key) };
    expect(await ask(rig, search, most)).toMatchObject({ status: 200 });
    for (const count of [21, 1001, 20_000])
      expect(await ask(rig, search, { orderBy: some(count, search.key) })).toMatchObject({
        status: 400,
        body: {
          error_code: 'INVALID_PARAMETER_VALUE',
          message: expect.stringMatching(/there are more than 20 keys to order by/i),
        },
      });
    expect(await ask(rig, search, { filter: where(101) })).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('there are more than 100 comparisons') },
    });
    expect(rig.bugs).toEqual([]);
  });
});
