import { describe, expect, it } from 'vitest';
import { TrustError } from './errors.ts';
import { type Reply, startServer, strangersTrust } from './testing/https-server.ts';

const version = (): Reply => ({ body: { data: { version: '9.2.11', release: '9.2' } } });

describe("the node's clock", () => {
  it.each([
    ['an answer', version],
    // The time is in every answer's headers, whether or not the token was accepted.
    ['a refusal', (): Reply => ({ status: 401, reason: 'invalid token value!' })],
  ])('is read from %s', async (_, reply) => {
    await using server = await startServer(reply);
    await using client = server.client();
    const before = Date.now();
    const { nodeMs } = await client.cluster.clock();
    expect(nodeMs).toBeGreaterThan(before - 1_001);
    expect(nodeMs).toBeLessThanOrEqual(Date.now());
  });

  it('is not read from a server that is not the trusted one, whose certificate is told instead', async () => {
    await using server = await startServer(version);
    await using client = server.client({ trust: (await strangersTrust()).fingerprint });
    const error = await client.cluster.clock().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TrustError);
    expect(error).toMatchObject({ shown: server.fingerprint });
  });
});
