import { describe, expect, it } from 'vitest';
import { addressGroup, clientAddress, trustedProxies } from './client-address.ts';

describe('who calls', () => {
  const trusted = trustedProxies(['192.0.2.1', '10.0.0.0/8', '2001:db8:1::/48']);

  it.each([
    ['nobody believes a stranger', '203.0.113.5', '198.51.100.1', '203.0.113.5'],
    ['a trusted proxy is believed', '192.0.2.1', '198.51.100.1', '198.51.100.1'],
    ['as IPv4 on a socket for both', '::ffff:192.0.2.1', '198.51.100.1', '198.51.100.1'],
    ['of IPv6 too', '2001:db8:1::9', '2001:db8:2::7', '2001:db8:2::7'],
    ['through a chain of trusted ones', '192.0.2.1', '198.51.100.1, 10.1.2.3', '198.51.100.1'],
    ['but not what a caller wrote before', '192.0.2.1', '6.6.6.6, 198.51.100.1', '198.51.100.1'],
    ['nor what is no address', '192.0.2.1', 'root, unknown', '192.0.2.1'],
    ['a proxy that says nothing', '192.0.2.1', undefined, '192.0.2.1'],
    ['a call within the process', undefined, '198.51.100.1', 'unknown'],
  ])('%s', (_, peer, forwarded, expected) => {
    expect(clientAddress(peer, forwarded, trusted)).toBe(expected);
  });

  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['fe80::1', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['unknown', 'unknown'],
  ])('%s counts as %s', (address, expected) => {
    expect(addressGroup(address)).toBe(expected);
  });
});
