import { parseArchivedConfig, type ProxmoxClient, type Upid } from '@tacet/proxmox';
import type { NodePort, StartedTask } from '../jobs/ports.ts';
import type { TokenClient } from './node.ts';

/** Whose tokens there are to speak with, on one node and for one guest. */
interface Speakers {
  readonly node: string;
  /** The guest that this is about: of a restore, the source. */
  readonly vmid: number;
  readonly guest: TokenClient | undefined;
  readonly self: () => TokenClient;
  readonly operator: () => TokenClient;
  readonly reader: () => ProxmoxClient;
  readonly task: (api: ProxmoxClient, upid: Upid) => StartedTask;
}

type GuestActions = Pick<
  NodePort,
  | 'startRestore'
  | 'isRunning'
  | 'startGuest'
  | 'shutDownGuest'
  | 'destroyGuest'
  | 'guestConfig'
  | 'tagGuest'
  | 'isFree'
  | 'archivedConfig'
  | 'availableBytes'
  | 'snapshots'
  | 'takeSnapshot'
  | 'rollBack'
>;

/** How long a guest may take to end its services before the plug is pulled. */
const SHUTDOWN_SECONDS = 60;

/** What is done with a guest beside backing it up. Snapshots are the guest's own; the rest is the operator's. */
export function guestActions({ node, vmid, guest, self, operator, reader, task }: Speakers): GuestActions {
  const at = (subject: number): { node: string; vmid: number } => ({ node, vmid: subject });
  /** A guest's own token may look at it; the operator's sees the copies. */
  const lookAt = (subject: number): ProxmoxClient =>
    (subject === vmid && guest !== undefined ? guest : operator()).api;
  return {
    async startRestore(call, signal) {
      const {
        volid: archive,
        vmid: target,
        storage,
        replace = false,
        keepMacs = false,
        overrides = {},
      } = call;
      const { api } = operator();
      const how = { ...(replace && { force: true }), ...(!keepMacs && { unique: true }) };
      const order = { node, archive, vmid: target, storage, ...how, overrides, signal };
      return task(api, await api.lxc.restore(order));
    },
    async isRunning(subject, signal) {
      const { status } = await lookAt(subject).lxc.status(at(subject), { signal });
      return status === 'running';
    },
    async startGuest(subject, signal) {
      const { api } = operator();
      return task(api, await api.lxc.start(at(subject), { signal }));
    },
    async shutDownGuest(subject, signal) {
      const { api } = operator();
      const options = { timeoutSeconds: SHUTDOWN_SECONDS, forceStop: true, signal };
      return task(api, await api.lxc.shutdown(at(subject), options));
    },
    async destroyGuest(subject, signal) {
      const { api } = operator();
      return task(api, await api.lxc.destroy(at(subject), { force: true, purge: true, signal }));
    },
    guestConfig: (subject, signal) => lookAt(subject).lxc.config(at(subject), { signal }),
    tagGuest: (subject, tags, signal) => operator().api.lxc.setConfig(at(subject), { tags }, { signal }),
    isFree: (subject, signal) => operator().api.cluster.isFree(subject, { signal }),
    async archivedConfig(volid, signal) {
      return parseArchivedConfig(await reader().vzdump.extractConfig(node, volid, { signal }));
    },
    async availableBytes(storage, signal) {
      // Where disks go, the operator's token may look.
      const { availableBytes } = await operator().api.storage.status({ node, storage }, { signal });
      return availableBytes;
    },
    snapshots: (subject, signal) => self().api.lxc.snapshots(at(subject), { signal }),
    async takeSnapshot(subject, { name, description }, signal) {
      const { api } = self();
      return task(api, await api.lxc.createSnapshot(at(subject), { name, description, signal }));
    },
    async rollBack(subject, name, signal) {
      const { api } = self();
      return task(api, await api.lxc.rollback(at(subject), name, { signal }));
    },
  };
}
