import { describe, expect, it } from 'vitest';
import { readAgentFrame, readControllerFrame } from './read-frame.ts';

const condition = (type: string) => ({
  type,
  status: 'True',
  reason: 'AllConditionsTrue',
  message: '',
  observedGeneration: 1,
  lastTransitionTime: 1,
});
const status = { quiesceState: 'idle', generation: 1, services: [] };
const event = { at: 1, message: 'x', data: {} };

describe('a frame', () => {
  it('of a kind that is not known yet is left out', () => {
    expect(readAgentFrame({ kind: 'later' })).toEqual({ kind: 'newer', what: 'later' });
    expect(readControllerFrame({ kind: 'later' })).toEqual({ kind: 'newer', what: 'later' });
  });

  it('with an event that is not known yet is left out, one with a broken event is none', () => {
    const frame = { kind: 'event', sequence: 1 };
    expect(readAgentFrame({ ...frame, event: { ...event, type: 'later.event' } })).toMatchObject({
      kind: 'newer',
    });
    expect(readAgentFrame({ ...frame, event: { ...event, type: 'heal.step' } })).toMatchObject({
      kind: 'frame',
    });
    expect(readAgentFrame({ ...frame, event: { type: 'heal.step' } })).toMatchObject({ kind: 'invalid' });
  });

  it('has the conditions that are known', () => {
    const conditions = [condition('Ready'), condition('Later')];
    expect(readAgentFrame({ kind: 'status', sequence: 1, status: { ...status, conditions } })).toMatchObject({
      frame: { status: { conditions: [{ type: 'Ready' }] } },
    });
  });

  it('with an error code that is not known yet is an error all the same, for both sides', () => {
    const error = { code: 'later-code', message: 'x', hint: 'y', retryable: true };
    const read = { ...error, code: 'internal' };
    expect(readAgentFrame({ kind: 'error', id: 1, error })).toMatchObject({ frame: { error: read } });
    expect(readControllerFrame({ kind: 'refused', error })).toMatchObject({ frame: { error: read } });
  });

  it.each([undefined, null, 1, 'hello', [], {}, { kind: 7 }])('is not: %j', (json) => {
    expect(readAgentFrame(json)).toMatchObject({ kind: 'invalid' });
    expect(readControllerFrame(json)).toMatchObject({ kind: 'invalid' });
  });

  it('of a known kind that lacks what belongs to it is none', () => {
    expect(readAgentFrame({ kind: 'heartbeat' })).toMatchObject({ kind: 'invalid' });
    expect(readControllerFrame({ kind: 'heartbeat-ack' })).toMatchObject({ kind: 'invalid' });
  });
});
