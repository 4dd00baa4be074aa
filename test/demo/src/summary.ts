import type { Condition, ServiceStatus, Verdict } from '@tacet/protocol';
import type { StreamMissing, StreamStall } from './stage.ts';

export interface GuestFacts {
  vmid: number;
  ready: Condition | null;
  services: ServiceStatus[];
}

/** What happened, as it was seen. Which of it must be true is said by {@link judgeStory}. */
export interface StoryFacts {
  simulated: boolean;
  reality: string;
  verdict: Verdict | null;
  stalls: StreamStall[];
  writes: StreamMissing[];
  /** Of the original, before its backup. */
  before: GuestFacts;
  /** Of the original, after its copy was restored. */
  after: GuestFacts;
  /** The original's session is the one it had before. */
  sessionKept: boolean;
  copy: GuestFacts;
  readyAfterMs: number;
}

export interface Check {
  name: string;
  passed: boolean;
  detail: string;
}

export interface Summary extends StoryFacts {
  passed: boolean;
  checks: Check[];
}

export function summarise(facts: StoryFacts): Summary {
  const checks = judgeStory(facts);
  return { passed: checks.every(({ passed }) => passed), checks, ...facts };
}

export function judgeStory(facts: StoryFacts): Check[] {
  const unprotected = facts.before.services.filter(({ restartPolicy }) => restartPolicy === 'no');
  const back = unprotected.filter(
    ({ stack, service }) => find(facts.copy, stack, service)?.state === 'running',
  );
  const lost = facts.writes.reduce((sum, { missing }) => sum + missing, 0);
  return [
    {
      name: 'the verdict is app, with its proof',
      passed: facts.verdict?.consistency === 'app' && facts.verdict.proof !== null,
      detail: facts.verdict
        ? `${facts.verdict.consistency}: ${facts.verdict.message}`
        : 'there is no verdict',
    },
    {
      name: 'the write stall was measured for every stream',
      passed: facts.stalls.length > 0 && facts.stalls.every(({ stallMs }) => stallMs > 0),
      detail: facts.stalls.map(({ stream, stallMs }) => `${stream} ${Math.round(stallMs)} ms`).join(', '),
    },
    {
      name: 'no acknowledged write is missing in the copy',
      passed:
        lost === 0 && facts.writes.length > 0 && facts.writes.every(({ acknowledged }) => acknowledged > 0),
      detail: facts.writes
        .map(({ stream, acknowledged, missing }) => `${stream}: ${missing} of ${acknowledged} missing`)
        .join(', '),
    },
    {
      name: 'containers without a restart policy run again in the copy',
      passed: unprotected.length > 0 && back.length === unprotected.length,
      detail: `${back.length} of ${unprotected.length}: ${unprotected.map(({ service }) => service).join(', ')}`,
    },
    {
      name: 'the copy is ready',
      passed: facts.copy.ready?.status === 'True',
      detail: facts.copy.ready?.message ?? 'it never said so',
    },
    {
      name: 'the original is ready and untouched',
      passed:
        facts.after.ready?.status === 'True' &&
        facts.sessionKept &&
        JSON.stringify(facts.before.services) === JSON.stringify(facts.after.services),
      detail: facts.sessionKept ? 'same session, same services' : 'its session was replaced',
    },
  ];
}

function find(guest: GuestFacts, stack: string, service: string): ServiceStatus | undefined {
  return guest.services.find((other) => other.stack === stack && other.service === service);
}
