import { describe, expect, it } from 'vitest';
import { recorded } from './testing/recordings.ts';
import { parseUpid, upidSchema } from './upid.ts';

describe('a UPID', () => {
  it('names node, process, start, type, guest, user and token', () => {
    expect(parseUpid('UPID:pve1:00000960:0002F0EA:6B02F7BA:vzdump:201:dual@pve!tk:')).toEqual({
      node: 'pve1',
      pid: 2_400,
      startedAtMs: 1_795_356_602_000,
      type: 'vzdump',
      id: '201',
      user: 'dual@pve',
      tokenName: 'tk',
    });
  });

  it('has no id for a job over several guests, and no token for a login', () => {
    expect(parseUpid('UPID:pve1:000034D9:00042649:6B02FAD2:vzdump::root@pam:')).toMatchObject({
      id: '',
      user: 'root@pam',
      tokenName: undefined,
    });
  });

  it('is what every recorded task is named by', () => {
    const upids = JSON.stringify(recorded).match(/UPID:[^"\\]+/g) ?? [];
    expect(upids.length).toBeGreaterThan(30);
    for (const upid of upids) expect(() => upidSchema.parse(upid)).not.toThrow();
  });

  it.each(['', 'UPID:pve1', 'UPID:../x:00000960:0002F0EA:6B02F7BA:vzdump:201:a@b:', 'OK'])(
    'is not: %s',
    (text) => {
      expect(() => parseUpid(text)).toThrow(RangeError);
      expect(upidSchema.safeParse(text).success).toBe(false);
    },
  );
});
