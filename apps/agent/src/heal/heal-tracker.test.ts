import type { HealPlan, HealStep } from '@tacet/core';
import { describe, expect, it } from 'vitest';
import { HealTracker } from './heal-tracker.ts';

const web = { stack: 'shop', service: 'web' };
const nothing: HealPlan = { steps: [], waiting: [], findings: [] };
const step = (more: Partial<HealStep> = {}): HealStep =>
  ({ ...web, kind: 'start', containerId: 'c1', because: 'it is exited', ...more }) as HealStep;
const plan = (more: Partial<HealPlan>): HealPlan => ({ ...nothing, ...more });

describe('what heal has tried', () => {
  it('is not tried again at once, and the pause is known', () => {
    const tracker = new HealTracker();
    tracker.attempted(step(), 0, { error: 'port is already allocated', isFinal: false });
    const admitted = tracker.admit(plan({ steps: [step()] }), [web], 500);
    expect(admitted.steps).toEqual([]);
    expect(admitted.waiting[0]?.because).toBe(
      'port is already allocated (start was tried 1 times, next after 1000 ms)',
    );
    expect(tracker.dueAt).toBe(1_000);
    expect(tracker.admit(plan({ steps: [step()] }), [web], 1_000).steps).toHaveLength(1);
  });

  it('waits as long as a step wants, and anew when it was not wanted in between', () => {
    const tracker = new HealTracker();
    const restart = step({ kind: 'restart', patienceMs: 60_000 });
    expect(tracker.admit(plan({ steps: [restart] }), [web], 0).waiting).toHaveLength(1);
    expect(tracker.dueAt).toBe(60_000);
    expect(tracker.admit(plan({ steps: [restart] }), [web], 60_000).steps).toHaveLength(1);
    tracker.admit(nothing, [web], 61_000);
    expect(tracker.admit(plan({ steps: [restart] }), [web], 62_000).steps).toEqual([]);
  });

  it('gives up a crash loop after its time, though it runs between two crashes', () => {
    const tracker = new HealTracker();
    const crash = plan({ waiting: [{ ...web, because: 'it ends again and again', giveUpAfterMs: 60_000 }] });
    for (let now = 0; now < 60_000; now += 8_000) {
      expect(tracker.admit(crash, [web], now).findings).toEqual([]);
      // Up for a moment: not yet believed.
      expect(tracker.admit(nothing, [web], now + 4_000).waiting).toHaveLength(1);
    }
    expect(tracker.admit(crash, [web], 64_000).findings).toMatchObject([web]);
  });

  it('believes what has crashed once it has run for ten seconds', () => {
    const tracker = new HealTracker();
    const crash = plan({ waiting: [{ ...web, because: 'it ends', giveUpAfterMs: 60_000 }] });
    tracker.admit(crash, [web], 0);
    expect(tracker.admit(nothing, [web], 1_000).waiting).toHaveLength(1);
    expect(tracker.dueAt).toBe(11_000);
    expect(tracker.admit(nothing, [web], 11_000)).toEqual(nothing);
  });

  it('waits on for an engine, whatever its init says', () => {
    const tracker = new HealTracker();
    const engine = step({ stack: '', service: '', kind: 'start-engine', containerId: '' });
    tracker.attempted(engine, 0, { error: 'it is not enabled', isFinal: true });
    const admitted = tracker.admit(plan({ steps: [engine] }), [web], 60_000);
    expect(admitted.findings).toEqual([]);
    expect(admitted.waiting[0]?.because).toBe('start-engine was tried once: it is not enabled');
  });
});
