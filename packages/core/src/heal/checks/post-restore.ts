import { type HealCheck, ran } from '../situation.ts';

/** What a copy has to be told after it is up: the application that was backed up in maintenance mode. */
export const postRestore: HealCheck = ({ service, container, policy }) => {
  const { restore } = policy;
  if (!restore || !container?.postRestore || !ran(service)) return undefined;
  if (container.isLeftAlone || restore.postRestored.has(container.containerId)) return undefined;
  if (container.state !== 'running') return undefined;
  if (container.health === 'starting' || container.health === 'unhealthy') return undefined;
  return {
    kind: 'step',
    action: { kind: 'run-command', ...container.postRestore },
    because: 'its label asks for it after a restore',
  };
};
