import { expect, test } from 'vitest';
import { SignInLimit } from '../../src/server/sign-in-limit.ts';

test('no more than two passwords are checked at once, also when one comes just as another is done', async () => {
  const limit = new SignInLimit(() => 0);
  const checks: PromiseWithResolvers<boolean>[] = [];
  let [running, most] = [0, 0];
  const attempt = (name: string): Promise<boolean> =>
    limit.attempt({ name, address: name }, async () => {
      running += 1;
      most = Math.max(most, running);
      const check = Promise.withResolvers<boolean>();
      checks.push(check);
      const isRight = await check.promise;
      running -= 1;
      return isRight;
    });
  const first = [attempt('a'), attempt('b'), attempt('c')];
  await Promise.resolve();
  // The one that comes in between is put in line, wherever in the handing over it comes.
  const late: Promise<boolean>[] = [];
  checks[0]?.resolve(true);
  for (let turn = 0; turn < 12; turn += 1) {
    await Promise.resolve();
    late.push(attempt(`late ${turn}`));
  }
  for (let done = 0; done < first.length + late.length; done += 1) {
    while (checks[done] === undefined) await new Promise((resolve) => setImmediate(resolve));
    checks[done]?.resolve(true);
  }
  expect(await Promise.all([...first, ...late])).toEqual(Array.from({ length: 15 }, () => true));
  expect(most).toBe(2);
});
