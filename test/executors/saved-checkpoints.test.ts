import { describe, expect, test } from 'vitest';
import { OF_ALL } from '../../src/store/remote/flight-path.ts';
import { RemoteUnreachable } from '../../src/store/remote/remote.ts';
import { FP } from '../rigs/cache-machine.ts';
import { remoteOf } from '../rigs/s3-rig.ts';
import { type S3Fault, S3Server } from '../rigs/s3-server.ts';
import { Trainee } from '../rigs/trainee.ts';

const AT = `bucket/flights/${FP}/${OF_ALL}`;

describe('a checkpoint in a bucket', () => {
  test('has advanced once something else is saved than what there was when the attempt began', async () => {
    await using server = await S3Server.start();
    using here = new Trainee(remoteOf(server));
    const first = await here.begin();
    await first.save();
    const before = first.isAdvanced;
    here.done = '1';
    await first.save();
    expect([before, first.isAdvanced]).toEqual([false, true]);
    using there = new Trainee(remoteOf(server));
    for (const trainee of [here, there]) {
      const next = await trainee.begin();
      await next.save();
      expect(next.isAdvanced).toBe(false);
    }
  });

  test.each<[string, S3Fault]>([
    ['is busy', { status: 503, code: 'SlowDown' }],
    ['breaks off', 'half'],
    ['does not allow it', { status: 403, code: 'AccessDenied' }],
  ])('that %s is not laid out, nothing is begun without it, and the next start has it', async (_, fault) => {
    await using server = await S3Server.start();
    using here = new Trainee(remoteOf(server));
    const saved = await here.begin();
    here.done = 'far';
    await saved.save();
    using there = new Trainee(remoteOf(server));
    const before = new Map(server.objects);
    server.fault = ({ method, key }) => (method === 'GET' && key.startsWith('cas/') ? fault : undefined);
    await expect(there.begin()).rejects.toThrow(/^s3:\/\/bucket/);
    expect([there.done, new Map(server.objects)]).toEqual([undefined, before]);
    server.fault = () => undefined;
    await there.begin();
    expect(there.done).toBe('far');
  });

  test('is found with a few requests where nobody may take records away', async () => {
    await using server = await S3Server.start();
    server.fault = ({ method }) => (method === 'DELETE' ? { status: 403, code: 'AccessDenied' } : undefined);
    using here = new Trainee(remoteOf(server));
    const saved = await here.begin();
    for (let nth = 1; nth <= 50; nth += 1) {
      here.done = `${nth}`;
      await saved.save();
    }
    server.calls.length = 0;
    using there = new Trainee(remoteOf(server));
    await there.begin();
    expect(there.done).toBe('50');
    expect(
      server.calls.filter(({ method, key }) => method === 'GET' && key.startsWith('flights/')).length,
    ).toBe(16);
    expect(there.warnings).toEqual([]);
  });

  test.each(['', 'x', 'null', '{}', '{"start":"1"}', '7'])('whose record is %j is none', async (text) => {
    await using server = await S3Server.start();
    using here = new Trainee(remoteOf(server));
    const saved = await here.begin();
    here.done = '1';
    await saved.save();
    server.store(`${AT}/checkpoint-9`, Buffer.from(text));
    using there = new Trainee(remoteOf(server));
    const next = await there.begin();
    there.done = '2';
    await next.save();
    here.lose();
    await here.begin();
    expect(here.done).toBe('2');
  });

  test('is not noted as begun where its folder could not be brought', async () => {
    await using server = await S3Server.start();
    using here = new Trainee(remoteOf(server));
    const saved = await here.begin();
    here.done = '1';
    await saved.save();
    using there = new Trainee(remoteOf(server));
    await there.begin();
    there.done = 'own';
    const third = await here.begin();
    here.done = '2';
    await third.save();
    server.fault = ({ method, key }) => (method === 'GET' && key.startsWith('cas/') ? 'silence' : undefined);
    await expect(there.begin()).rejects.toThrow(RemoteUnreachable);
    expect(there.done).toBe('own');
    server.fault = () => undefined;
    await there.begin();
    expect(there.done).toBe('2');
  });
});
