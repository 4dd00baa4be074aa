import { describe, expect, it } from 'vitest';
import { agreeOn, protocolMismatch, readProtocols } from './negotiation.ts';

describe('two sides', () => {
  it('agree on what both speak, as this side prefers', () => {
    expect(agreeOn(['tacet.v1', 'tacet.v2'], ['tacet.v2', 'tacet.v1'])).toBe('tacet.v2');
    expect(agreeOn(['tacet.v1'], ['tacet.v2', 'tacet.v1'])).toBe('tacet.v1');
    expect(agreeOn(['tacet.v3'], ['tacet.v2', 'tacet.v1'])).toBeUndefined();
    expect(agreeOn([])).toBeUndefined();
  });

  it.each([
    [['tacet.v9'], ['tacet.v10'], 'Upgrade the controller.'],
    [['tacet.v10', 'tacet.v11'], ['tacet.v9'], 'Upgrade the agent.'],
    [['tacet.v1'], [], 'Upgrade the agent.'],
  ])('know which is behind: controller %s, agent %s', (controller, agent, hint) => {
    expect(protocolMismatch({ controller, agent }).hint).toBe(hint);
  });

  it('read what a header says', () => {
    expect(readProtocols(' tacet.v1,tacet.v2 ,')).toEqual(['tacet.v1', 'tacet.v2']);
    expect(readProtocols(undefined)).toEqual([]);
  });
});
