import { describe, expect, it } from 'vitest';
import { freeVmid, vmidProblem } from './restore.ts';
import { serviceSaid, stackTree } from './stacks.ts';
import { aGuest } from './testing.ts';

const status = (stack: string, service: string, state = 'running', health = 'none') => ({
  stack,
  service,
  image: 'x:1',
  state,
  health,
  restartPolicy: 'no',
});

describe('the tree of stacks', () => {
  it('puts what is wrong first, and says how the last backup held it', () => {
    const services = [status('shop', 'db'), status('shop', 'web', 'exited'), status('blog', 'app')];
    const tree = stackTree(aGuest({ services }));
    expect(tree.map(({ stack, tone }) => [stack, tone])).toEqual([
      ['blog', 'good'],
      ['shop', 'bad'],
    ]);
    expect(tree[1]?.services.map((node) => [node.status.service, node.evidence?.method ?? null])).toEqual([
      ['web', null],
      ['db', 'freeze'],
    ]);
  });

  it.each([
    ['running', 'healthy', 'good'],
    ['running', 'none', 'good'],
    ['running', 'starting', 'busy'],
    ['running', 'unhealthy', 'bad'],
    ['paused', 'none', 'watch'],
    ['exited', 'none', 'bad'],
    ['something new', 'none', 'bad'],
  ])('%s and %s is %s', (state, health, tone) => expect(serviceSaid({ state, health }).tone).toBe(tone));
});

describe('where a restore may go', () => {
  it('is a VMID that nobody bears', () => {
    expect(freeVmid(101, [])).toBe(201);
    expect(freeVmid(101, [aGuest({ vmid: 201 }), aGuest({ vmid: 202 })])).toBe(203);
  });

  it.each(['', 'x', '1.5', '99', '1000000000'])('is never %o', (text) =>
    expect(vmidProblem(text)).not.toBeNull(),
  );
});
