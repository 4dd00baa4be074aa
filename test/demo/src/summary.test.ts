import type { ServiceStatus } from '@tacet/protocol';
import { describe, expect, it } from 'vitest';
import { judgeStory, type StoryFacts, summarise } from './summary.ts';

const web: ServiceStatus = {
  stack: 'shop',
  service: 'web',
  image: 'nginx:1',
  state: 'running',
  health: 'none',
  restartPolicy: 'no',
};
const ready = {
  type: 'Ready' as const,
  status: 'True' as const,
  reason: 'AllConditionsTrue',
  message: 'fine',
  observedGeneration: 1,
  lastTransitionTime: 0,
};
const good: StoryFacts = {
  simulated: true,
  reality: 'a test',
  verdict: {
    consistency: 'app',
    reason: 'HoldSpansSnapshot',
    message: 'held',
    proof: {
      kind: 'order-of-request',
      holdConfirmedAt: 1,
      backupRequestedAt: 2,
      snapshotSeenAt: 3,
      snapshotLine: 'x',
      thawSentAt: 4,
      leaseLeftMs: 5,
    },
    services: [],
    uncovered: [],
  },
  stalls: [{ stream: 'postgres', stallMs: 40 }],
  writes: [{ stream: 'postgres', acknowledged: 100, missing: 0 }],
  before: { vmid: 101, ready, services: [web] },
  after: { vmid: 101, ready, services: [web] },
  sessionKept: true,
  copy: { vmid: 201, ready, services: [web] },
  readyAfterMs: 1000,
};

describe('the story', () => {
  it('is good when all of it is true', () => {
    expect(summarise(good)).toMatchObject({ passed: true });
  });

  it.each<[string, Partial<StoryFacts>]>([
    ['the verdict is crash', { verdict: { ...good.verdict!, consistency: 'crash', proof: null } }],
    ['an app verdict has no proof', { verdict: { ...good.verdict!, proof: null } }],
    ['there is no verdict', { verdict: null }],
    ['no stall was measured', { stalls: [] }],
    ['a write is missing', { writes: [{ stream: 'postgres', acknowledged: 100, missing: 1 }] }],
    ['no write was looked for', { writes: [{ stream: 'postgres', acknowledged: 0, missing: 0 }] }],
    [
      'a container without a restart policy stayed down',
      { copy: { ...good.copy, services: [{ ...web, state: 'exited' }] } },
    ],
    [
      'no container lacked a restart policy',
      { before: { ...good.before, services: [] }, after: { ...good.after, services: [] } },
    ],
    ['the copy is not ready', { copy: { ...good.copy, ready: { ...ready, status: 'False' } } }],
    ['the original lost its session', { sessionKept: false }],
    ['the original changed', { after: { ...good.after, services: [{ ...web, state: 'paused' }] } }],
  ])('is bad when %s', (_, change) => {
    const failed = judgeStory({ ...good, ...change }).filter(({ passed }) => !passed);
    expect(failed).toHaveLength(1);
  });
});
