import type { HealCheck } from '../situation.ts';

/** Half removed, because somebody wanted it removed: what is left of its data is not heal's to throw away. */
export const dead: HealCheck = ({ service, container }) => {
  if (container?.state !== 'dead') return undefined;
  const { containerName: name } = service;
  return {
    kind: 'finding',
    because: `the engine calls it dead: it must be removed (docker rm --force ${name}) and created again`,
  };
};
