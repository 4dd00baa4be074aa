import { beforeEach, describe, expect, it } from 'vitest';
import { FilesystemFreeze } from './filesystem-freeze.ts';
import { Testbed } from './testbed.ts';

const everything = ['cache', 'db', 'mail', 'web', 'wiki'];

describe('a hold around the freeze of the filesystems', () => {
  let bed: Testbed;
  let freezing: FilesystemFreeze;
  beforeEach(async () => {
    bed = await Testbed.open();
    freezing = new FilesystemFreeze(bed.coordinator);
    return () => bed[Symbol.asyncDispose]();
  });

  it('lasts from the freeze to the thaw', async () => {
    expect(await freezing.freeze()).toEqual({ services: everything.length });
    expect(bed.blocked()).toEqual(everything);
    expect(await freezing.thaw()).toEqual({
      heldToTheEnd: true,
      services: everything.length,
      message: 'held to the end',
    });
    expect(bed.blocked()).toEqual([]);
    await freezing.freeze();
    expect(await freezing.thaw()).toMatchObject({ heldToTheEnd: true });
  });

  it('ends with its lease when no thaw comes, and the late thaw says so', async () => {
    await freezing.freeze();
    await bed.clock.advance(60_000);
    await bed.becomes('idle');
    expect(bed.blocked()).toEqual([]);
    expect(await freezing.thaw()).toMatchObject({
      heldToTheEnd: false,
      message: 'the hold had ended before: lease-expired',
    });
  });

  it('leaves nothing held when the hold fails, and the thaw that comes all the same says so', async () => {
    bed.engine.inject({ call: 'freeze', effect: new Error('it broke') });
    await expect(freezing.freeze()).rejects.toMatchObject({ code: 'hold-failed' });
    expect(bed.blocked()).toEqual([]);
    expect(await freezing.thaw()).toMatchObject({
      heldToTheEnd: false,
      message: 'the hold had ended before: hold-failed',
    });
  });

  it('does not disturb a backup of the controller', async () => {
    await bed.coordinator.prepare({ operationId: 'op-1', deadlineMs: 60_000 });
    await bed.coordinator.hold({ operationId: 'op-1', leaseMs: 30_000, deadlineMs: 20_000 });
    await expect(freezing.freeze()).rejects.toMatchObject({ code: 'conflict' });
    await expect(freezing.thaw()).rejects.toMatchObject({ code: 'wrong-state' });
    expect(bed.blocked()).toEqual(everything);
  });
});
