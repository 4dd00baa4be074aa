import { describe, expect, it } from 'vitest';
import { parseConfig } from './config.ts';

const least = { listen: { address: '127.0.0.1', port: 0 }, stateDir: '/var/lib/x', nodes: [] };

describe('a configuration', () => {
  it('says which field is wrong, unknown ones included', () => {
    const wrong = { ...least, leaseMs: -1, leeseMs: 1 };
    expect(() => parseConfig(wrong)).toThrow(
      expect.objectContaining({
        code: 'invalid-input',
        cause: expect.objectContaining({ message: expect.stringMatching(/leeseMs[^]*leaseMs/) }),
      }),
    );
  });

  it.each(['leaseMs', 'holdDeadlineMs', 'backupDeadlineMs', 'sessionTtlMs'])(
    'with a %s that no timer can keep is refused, not found out in the night of the backup',
    (key) => {
      expect(() => parseConfig({ ...least, [key]: 2 ** 31 })).toThrow(
        expect.objectContaining({ code: 'invalid-input' }),
      );
    },
  );

  it('names a token for each guest of a node, or one for all of them', () => {
    const token = { id: 'tacet@pve!one', secretFile: '/etc/tacet/one' };
    const node = { name: 'pve1', url: 'https://pve1:8006', trust: { ca: 'system' }, storage: 'local' };
    const withNode = (tokens: object) => () => parseConfig({ ...least, nodes: [{ ...node, ...tokens }] });
    expect(withNode({ guestTokens: { 101: token } })().nodes[0]?.backupToken).toBeUndefined();
    expect(withNode({ backupToken: token })().nodes[0]?.guestTokens).toEqual({});
    expect(withNode({})).toThrow(
      expect.objectContaining({
        cause: expect.objectContaining({ message: expect.stringContaining('backupToken') }),
      }),
    );
    expect(withNode({ guestTokens: { web: token } })).toThrow(
      expect.objectContaining({
        cause: expect.objectContaining({ message: expect.stringContaining('guestTokens.web') }),
      }),
    );
  });
});
