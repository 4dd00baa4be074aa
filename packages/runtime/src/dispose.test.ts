import { describe, expect, it } from 'vitest';
import { Undo } from './dispose.ts';

describe('Undo', () => {
  it('runs its steps in reverse, all of them, and reports the one that failed', async () => {
    const log: string[] = [];
    const undo = new Undo();
    undo.defer(() => log.push('unmount'));
    undo.defer(() => Promise.reject(new Error('still busy')));
    undo.defer(async () => log.push('stop'));
    await expect(undo[Symbol.asyncDispose]()).rejects.toThrow('still busy');
    expect(log).toEqual(['stop', 'unmount']);
  });

  it('reports several failures together and runs nothing twice', async () => {
    const undo = new Undo();
    undo.defer(() => Promise.reject(new Error('a')));
    undo.defer(() => {
      throw new Error('b');
    });
    await expect(undo[Symbol.asyncDispose]()).rejects.toMatchObject({
      errors: [new Error('b'), new Error('a')],
    });
    await undo[Symbol.asyncDispose]();
  });

  it('hands its steps over, and then owes nothing', async () => {
    const log: string[] = [];
    const undo = new Undo();
    undo.defer(() => log.push('unmount'));
    const kept = undo.release();
    await undo[Symbol.asyncDispose]();
    expect(log).toEqual([]);
    await kept[Symbol.asyncDispose]();
    expect(log).toEqual(['unmount']);
  });
});
