import type { Check, Found } from '../check.ts';
import { line } from '../node-commands.ts';

export const agentPresent: Check = {
  what: 'whether its agent is connected',
  finds: ['agent-missing', 'agent-not-connected'],
  guest({ vmid, agent }) {
    if (agent?.connected === true) return [];
    const found: Found =
      agent === undefined
        ? {
            id: 'agent-missing',
            severity: 'warning',
            message: `No agent of guest ${vmid} is enrolled: its backups are made, and are no better than crash-consistent.`,
            remedy: 'Install the agent in the guest, and run there what this prints.',
            commands: [line('tacet', 'enrol', String(vmid))],
          }
        : {
            id: 'agent-not-connected',
            severity: 'warning',
            message: `The agent of guest ${vmid} is not connected: while it is away, backups are no better than crash-consistent.`,
            remedy: 'See whether the guest and the agent in it run, and whether it reaches the controller.',
            commands: [
              line('pct', 'status', String(vmid)),
              line('pct', 'exec', String(vmid), '--', 'systemctl', 'status', 'tacet-agent'),
            ],
          };
    return [found];
  },
};
