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
});
