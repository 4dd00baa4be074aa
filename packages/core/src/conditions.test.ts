import { describe, expect, it } from 'vitest';
import { applyFindings, type Finding, summarise, transitions } from './conditions.ts';

const thawed = (status: Finding['status']): Finding => ({
  type: 'Thawed',
  status,
  reason: 'NothingHeld',
  message: 'nothing is held',
});

describe('conditions', () => {
  it('move lastTransitionTime only when the status changes', () => {
    const first = applyFindings([], [thawed('True')], 1, 100);
    const same = applyFindings(first, [{ ...thawed('True'), message: 'still nothing' }], 2, 200);
    expect(same[0]).toMatchObject({
      lastTransitionTime: 100,
      observedGeneration: 2,
      message: 'still nothing',
    });
    expect(applyFindings(same, [thawed('False')], 3, 300)[0]).toMatchObject({ lastTransitionTime: 300 });
  });

  it('keep what was not looked at', () => {
    const first = applyFindings([], [thawed('True')], 1, 100);
    expect(applyFindings(first, [], 2, 200)).toEqual(first);
  });

  it('report a transition for a changed or new condition only', () => {
    const first = applyFindings([], [thawed('True')], 1, 100);
    expect(transitions([], first)).toHaveLength(1);
    expect(transitions(first, applyFindings(first, [thawed('True')], 2, 200))).toEqual([]);
    expect(transitions(first, applyFindings(first, [thawed('Unknown')], 2, 200))).toHaveLength(1);
  });
});

describe('Ready', () => {
  it('is True when all others are', () => {
    expect(summarise([thawed('True')]).status).toBe('True');
  });

  it('says which condition is in the way; False before Unknown', () => {
    const unknown: Finding = {
      type: 'EngineReachable',
      status: 'Unknown',
      reason: 'NotAsked',
      message: 'not asked',
    };
    expect(summarise([unknown, thawed('False')])).toMatchObject({
      status: 'False',
      message: 'Thawed: nothing is held',
    });
    expect(summarise([unknown, thawed('True')]).status).toBe('Unknown');
  });
});
