import type { GuestResource, ProxmoxClient } from '@tacet/proxmox';
import type { Ask } from './attempt.ts';
import type { BoundaryTry } from './facts.ts';

/** No guest has it. Who may not see a guest is refused before it is looked for. */
const NOBODY = 999_999_999;

/** Tries what a guest's token must be refused. Reads only: what is tried does no harm where it is not. */
export async function tryBoundary(
  vmid: number,
  api: ProxmoxClient,
  node: string,
  /** The guests of the cluster that at least one of the controller's tokens shows. */
  seen: readonly GuestResource[],
  ask: Ask,
): Promise<BoundaryTry[]> {
  const stranger = seen.find((guest) => guest.vmid !== vmid && guest.type === 'lxc');
  const other = stranger ?? { node, vmid: NOBODY };
  const whose = stranger === undefined ? 'a guest that is not its own' : `guest ${other.vmid}`;
  const tries: readonly [string, (signal: AbortSignal) => Promise<unknown>][] = [
    [`reading the status of ${whose}`, (signal) => api.lxc.status(other, { signal })],
    ['reading the access control (/access)', (signal) => api.access.permissionsOf('root@pam', { signal })],
    ['seeing the tokens of root@pam', (signal) => api.access.tokens('root@pam', { signal })],
  ];
  return await Promise.all(
    tries.map(async ([what, work]) => ({
      what,
      outcome: await ask(async (signal) => {
        await work(signal);
      }),
    })),
  );
}
