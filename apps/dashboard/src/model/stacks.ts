import type { Guest, ServiceEvidence, ServiceStatus } from '@tacet/protocol';
import type { Said } from './state.ts';

export interface ServiceNode {
  readonly status: ServiceStatus;
  readonly said: Said;
  /** A container that nobody starts again after a reboot or a restore. */
  readonly isUnattended: boolean;
  /** How the last backup held it. */
  readonly evidence: ServiceEvidence | null;
}

export interface StackNode {
  readonly stack: string;
  readonly tone: Said['tone'];
  readonly services: readonly ServiceNode[];
}

/** Stacks by name, with what is wrong in them first. */
export function stackTree({ services, lastBackup }: Guest): StackNode[] {
  const evidence = lastBackup?.verdict.services ?? [];
  const groups = Map.groupBy(services, ({ stack }) => stack);
  return [...groups]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([stack, members]) => {
      const nodes = members
        .map((status) => ({
          status,
          said: serviceSaid(status),
          isUnattended: status.restartPolicy === 'no',
          evidence: evidence.find((one) => one.stack === stack && one.service === status.service) ?? null,
        }))
        .toSorted(
          (a, b) =>
            worst.indexOf(a.said.tone) - worst.indexOf(b.said.tone) ||
            a.status.service.localeCompare(b.status.service),
        );
      return { stack, tone: nodes[0]?.said.tone ?? 'unknown', services: nodes };
    });
}

const worst: readonly Said['tone'][] = ['bad', 'unknown', 'watch', 'busy', 'good'];

export function serviceSaid({ state, health }: Pick<ServiceStatus, 'state' | 'health'>): Said {
  if (state === 'running') {
    if (health === 'unhealthy') return { tone: 'bad', words: 'runs, unhealthy' };
    if (health === 'starting') return { tone: 'busy', words: 'starting' };
    return { tone: 'good', words: health === 'healthy' ? 'runs, healthy' : 'runs' };
  }
  if (state === 'paused') return { tone: 'watch', words: 'paused' };
  if (state === 'restarting') return { tone: 'busy', words: 'restarting' };
  return { tone: 'bad', words: state };
}
