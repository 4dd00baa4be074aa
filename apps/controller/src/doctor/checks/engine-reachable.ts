import { unseen } from '../by-agent.ts';
import type { Check } from '../check.ts';
import { line } from '../node-commands.ts';

export const engineReachable: Check = {
  what: 'whether its agent reaches its engine',
  finds: ['engine-unreachable'],
  guest({ vmid, agent }) {
    if (agent?.connected !== true) return unseen(agent);
    const { engineReachable: condition } = agent;
    if (condition === undefined || condition.status === 'Unknown') return unseen(agent);
    if (condition.status === 'True') return [];
    return [
      {
        id: 'engine-unreachable',
        severity: 'warning',
        message: `The agent of guest ${vmid} does not reach its engine: nothing can be held, and backups are no better than crash-consistent.`,
        evidence: [condition.message],
        remedy: 'See whether the engine runs.',
        commands: [line('pct', 'exec', String(vmid), '--', 'systemctl', 'status', 'docker')],
      },
    ];
  },
};
