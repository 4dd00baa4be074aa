import type { Check } from '../check.ts';
import type { ClockFacts } from '../facts.ts';

/** Backups are found again by time after a crash, and schedules are followed by the controller's clock. */
const TOLERATED_MS = 10_000;
/** The node shows whole seconds. */
const GRAIN_MS = 1_000;

export const clockSkew: Check = {
  what: "the node's clock",
  finds: ['clock-skew'],
  node({ name, clock }) {
    if (!clock.ok) return { notKnown: 'the node does not answer' };
    const skewMs = leastSkewMs(clock.value);
    if (skewMs === undefined) return { notKnown: 'its answers do not say what time it is there' };
    if (Math.abs(skewMs) <= TOLERATED_MS) return [];
    const seconds = Math.round(Math.abs(skewMs) / 1_000);
    return [
      {
        id: 'clock-skew',
        severity: 'warning',
        message: `The clock of node ${name} is ${seconds} s ${skewMs > 0 ? 'ahead of' : 'behind'} the controller's: schedules run at other times than the node shows, and after a crash a backup may not be found again.`,
        evidence: [
          `the node: ${new Date(clock.value.nodeMs ?? 0).toISOString()}`,
          `the controller: ${new Date(clock.value.receivedAtMs).toISOString()}`,
        ],
        remedy: 'Have both follow a time server; Proxmox VE uses chrony.',
        commands: ['systemctl enable --now chrony', 'chronyc makestep', 'chronyc tracking'],
      },
    ];
  },
};

/** By how much the clocks differ at least, whenever on the way the node looked at its own. */
function leastSkewMs({ nodeMs, sentAtMs, receivedAtMs }: ClockFacts): number | undefined {
  if (nodeMs === undefined) return undefined;
  const least = nodeMs - receivedAtMs;
  const most = nodeMs + GRAIN_MS - sentAtMs;
  if (least > 0) return least;
  return most < 0 ? most : 0;
}
