import { describe, expect, test } from 'vitest';
import { DestinationRefused, Outbound, type OutboundAnswer } from '../../src/net/outbound.ts';
import { isPublicAddress } from '../../src/net/public-address.ts';
import { Receiver } from '../rigs/receiver.ts';

describe('an address is public', () => {
  test.each(['1.1.1.1', '8.8.8.8', '172.15.0.1', '172.32.0.1', '192.167.1.1', '2606:4700::1111', '2a00::1'])(
    'as %s is',
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );

  test.each([
    ['this machine', ['127.0.0.1', '127.255.255.254', '0.0.0.0', '::1', '::']],
    ['a network of one’s own', ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', 'fd00::1']],
    ['a provider’s own network', ['100.64.0.1', '100.127.255.255', '198.18.0.1']],
    ['a cloud’s metadata', ['169.254.169.254', 'fd00:ec2::254', 'fe80::1', 'fe80::1%eth0']],
    ['IPv4 in IPv6', ['::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:1.1.1.1', '::127.0.0.1']],
    ['IPv4 behind a gateway', ['64:ff9b::a00:1', '64:ff9b:1::1', '2002:7f00:1::', '2001:0:1::1']],
    ['many at once, or nobody', ['224.0.0.1', '240.0.0.1', '255.255.255.255', 'ff02::1']],
    ['documentation', ['192.0.2.1', '198.51.100.1', '203.0.113.1', '2001:db8::1', '3fff::1']],
    ['no address', ['', 'example.com', '127.1', '1.1.1.1.']],
  ])('unless it is %s', (_, addresses) => {
    expect(addresses.filter(isPublicAddress)).toEqual([]);
  });
});

describe('a request to an address that a user named', () => {
  const request = { headers: {}, body: '{}', timeoutMs: 5000 };
  const refused = (url: string, allowed: readonly string[] = []): Promise<unknown> =>
    new Outbound(allowed).post({ ...request, url }).then(
      () => 'sent',
      (error: unknown) => (error instanceof DestinationRefused ? error.message : error),
    );

  test.each([
    ['http://example.com/', 'Its scheme is http, and only https is taken.'],
    ['file:///etc/passwd', 'Its scheme is file, and only https is taken.'],
    ['https://user:word@example.com/', 'It holds a user name or a password.'],
    ['nowhere', 'It is no URL.'],
    ['https://127.0.0.1/', '127.0.0.1 is no public address.'],
    ['https://[::1]/', '::1 is no public address.'],
    ['https://[::ffff:127.0.0.1]/', '::ffff:7f00:1 is no public address.'],
    // Other ways to write 127.0.0.1.
    ['https://2130706433/', '127.0.0.1 is no public address.'],
    ['https://0x7f.1/', '127.0.0.1 is no public address.'],
    ['https://①②⑦.0.0.1/', '127.0.0.1 is no public address.'],
    ['https://169.254.169.254/latest/meta-data/', '169.254.169.254 is no public address.'],
  ])('is not sent to %s', async (url, message) => {
    expect(await refused(url)).toBe(message);
  });

  test('is not sent to a name of this machine: what the name leads to is looked at', async () => {
    expect(await refused('https://localhost/')).toMatch(
      /^localhost is at (?:127\.0\.0\.1|::1), which is no public address\.$/,
    );
  });

  test('is sent where the operator allows it, to that port only if one is named', async () => {
    await using receiver = await Receiver.start((response) => response.end('thanks'));
    const { port } = receiver;
    const post = (allowed: string): Promise<OutboundAnswer> =>
      new Outbound([allowed]).post({ ...request, url: receiver.url, headers: { 'x-a': '1' } });
    for (const allowed of [`127.0.0.1:${port}`, '127.0.0.1'])
      expect(await post(allowed)).toEqual({ status: 200, retryAfter: undefined, body: 'thanks' });
    const got = { method: 'POST', path: '/hook', headers: { 'x-a': '1' }, body: '{}' };
    expect(receiver.got).toMatchObject([got, got]);
    expect(await refused(receiver.url, [`127.0.0.1:${port + 1}`])).toBe(
      'Its scheme is http, and only https is taken.',
    );
  });

  test.each([
    ['https://localhost/', 'localhost:443'],
    ['https://LOCALHOST:443/', 'localhost'],
    ['http://localhost/', 'localhost:80'],
    ['http://[::1]:8080/', '[::1]:8080'],
  ])('is let go to %s where %s is allowed', (url, allowed) => {
    expect(new Outbound([allowed]).check(url).href).toContain(url.toLowerCase().slice(0, 12));
  });

  test('is not sent on to where an answer points', async () => {
    await using secret = await Receiver.start((response) => response.end('secret'));
    await using receiver = await Receiver.start((response) =>
      response.writeHead(307, { location: secret.url }).end(),
    );
    const answer = await new Outbound(['127.0.0.1']).post({ ...request, url: receiver.url });
    expect(answer.status).toBe(307);
    expect(secret.got).toEqual([]);
  });

  test('waits no longer than it is told to', async () => {
    await using receiver = await Receiver.start(() => undefined);
    const late = new Outbound(['127.0.0.1']).post({ ...request, url: receiver.url, timeoutMs: 50 });
    await expect(late).rejects.toThrow('There was no answer within 0.05 s.');
  });

  test('nor for an answer that does not end', async () => {
    await using receiver = await Receiver.start((response) => response.write('and'));
    const late = new Outbound(['127.0.0.1']).post({ ...request, url: receiver.url, timeoutMs: 50 });
    await expect(late).rejects.toThrow('There was no answer within 0.05 s.');
  });

  test('reads the beginning of an answer that is long', async () => {
    await using receiver = await Receiver.start((response) => response.end('x'.repeat(2 ** 24)));
    const answer = await new Outbound(['127.0.0.1']).post({ ...request, url: receiver.url });
    expect(answer.body).toBe('x'.repeat(4096));
  });
});
