import type { Check } from '../check.ts';
import { line } from '../node-commands.ts';

export const agentVersion: Check = {
  what: 'whether its agent is as new as the controller',
  finds: ['agent-outdated'],
  guest({ vmid, agent }, { controllerVersion }) {
    if (agent === undefined || agent.version === null) return 'not-applicable';
    if (!isOlder(agent.version, controllerVersion)) return [];
    return [
      {
        id: 'agent-outdated',
        severity: 'warning',
        message: `The agent of guest ${vmid} is older than the controller: it lacks what has been corrected since.`,
        evidence: [`agent ${agent.version}, controller ${controllerVersion}`],
        remedy: `Install version ${controllerVersion} of the agent in the guest, then restart it; what it holds is thawed by that, so do it while no backup runs.`,
        commands: [line('pct', 'exec', String(vmid), '--', 'systemctl', 'restart', 'tacet-agent')],
      },
    ];
  },
};

/** By the numbers of `1.2.3`; what is not written so is taken for zero. */
function isOlder(version: string, than: string): boolean {
  const [one, other] = [numbers(version), numbers(than)];
  const at = other.findIndex((number, index) => number !== one[index]);
  return at !== -1 && (one[at] ?? 0) < (other[at] ?? 0);
}

function numbers(version: string): number[] {
  const [, major, minor, patch] = /^(\d+)\.(\d+)\.(\d+)/.exec(version) ?? [];
  return [major, minor, patch].map((part) => Number(part ?? 0));
}
