import { BlockList, isIP, isIPv6 } from 'node:net';

/** What IANA's registries of special addresses keep from the Internet at large. */
const SPECIAL = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  // Multicast, what is reserved, and broadcast.
  '224.0.0.0/3',
];

/** The only block that public addresses are given out of. */
const UNICAST = '2000::/3';
/** Within it: protocols, documentation, and IPv4 behind a 6to4 or a Teredo relay. */
const SPECIAL_UNICAST = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];

interface Lists {
  readonly notPublic: BlockList;
  readonly unicast: BlockList;
}

/** Made when they are first asked for: they take a hundredth of a server's start. */
let made: Lists | undefined;

/**
 * Whether an address is one of the Internet: not this machine, not its network, not a cloud's metadata. An
 * IPv6 address that stands for an IPv4 one is none.
 */
export function isPublicAddress(address: string): boolean {
  // A zone says on which link an address is: it is of no use beyond that.
  if (isIP(address) === 0 || address.includes('%')) return false;
  made ??= { notPublic: listOf([...SPECIAL, ...SPECIAL_UNICAST]), unicast: listOf([UNICAST]) };
  const { notPublic, unicast } = made;
  if (!isIPv6(address)) return !notPublic.check(address, 'ipv4');
  return unicast.check(address, 'ipv6') && !notPublic.check(address, 'ipv6');
}

function listOf(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', bits] = range.split('/');
    list.addSubnet(address, Number(bits), isIPv6(address) ? 'ipv6' : 'ipv4');
  }
  return list;
}
