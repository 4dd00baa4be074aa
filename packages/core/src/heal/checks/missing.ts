import type { HealCheck } from '../situation.ts';

export const missing: HealCheck = ({ service, container, project, awaited, policy }) => {
  if (container) return undefined;
  if (!policy.restore) return { kind: 'settled' };
  const gone = `its container ${service.containerName} is gone`;
  if (!project) {
    return {
      kind: 'finding',
      because: `${gone}, and the manifest names no compose project to make it from: create it by hand`,
    };
  }
  if (awaited) return { kind: 'wait', because: `${gone}, and ${awaited.because}`, on: awaited.service };
  return { kind: 'step', action: { kind: 'compose-up', project }, because: gone };
};
