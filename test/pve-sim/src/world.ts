import { AccessControl } from './access/access-control.ts';
import { Accounts } from './access/accounts.ts';
import { Authenticator } from './access/authenticate.ts';
import type { GuestBackend } from './backend.ts';
import { Guest, GuestRegistry } from './guests/guest-registry.ts';
import { DEFAULT_TIMING, type LockMoment, type PveSimOptions, type SimTiming } from './options.ts';
import { StorageCatalog } from './storage/storage-catalog.ts';
import { TaskRegistry } from './tasks/task-registry.ts';
import { GlobalLock } from './vzdump/global-lock.ts';

/** What /etc/vzdump.conf says. */
export interface VzdumpDefaults {
  hookScript: string | undefined;
  readonly lockwaitMinutes: number;
}

/** The whole simulated cluster; the endpoints read and change it. */
export interface World {
  readonly accounts: Accounts;
  readonly access: AccessControl;
  readonly authenticator: Authenticator;
  readonly tasks: TaskRegistry;
  readonly guests: GuestRegistry;
  readonly storages: StorageCatalog;
  readonly backend: GuestBackend;
  readonly nodes: readonly string[];
  readonly bridges: ReadonlySet<string>;
  readonly locks: ReadonlyMap<string, GlobalLock>;
  readonly vzdumpDefaults: VzdumpDefaults;
  readonly onLock: (moment: LockMoment) => void;
  readonly timing: SimTiming;
  /** Below `/api2/json`; what is asked of them fails. */
  readonly brokenPaths: Set<string>;
  /** Shown by `GET /nodes`; colon-separated SHA-256 of the certificate. */
  readonly fingerprint: string;
  readonly startedAtMs: number;
  /** The clock of every node. */
  readonly clock: NodeClock;
}

/** Goes wrong by as much as is set. */
export interface NodeClock {
  skewMs: number;
  nowMs(): number;
}

const LOCAL = {
  storage: 'local',
  type: 'dir',
  content: ['backup', 'vztmpl', 'iso'],
  path: '/var/lib/vz',
} as const;

export async function createWorld(options: PveSimOptions, fingerprint: string): Promise<World> {
  const timing = { ...DEFAULT_TIMING, ...options.timing };
  const nodes = options.nodes ?? ['pve1'];
  const [firstNode = 'pve1'] = nodes;
  const accounts = new Accounts(options.users ?? []);
  const clock: NodeClock = { skewMs: 0, nowMs: () => Date.now() + clock.skewMs };
  const guests = new GuestRegistry();
  for (const seed of await options.backend.list()) {
    guests.add(new Guest(seed.vmid, seed.node ?? firstNode, seed.config));
  }
  return {
    accounts,
    access: new AccessControl(accounts, options.roles ?? {}, options.acl ?? [], options.pools ?? {}),
    authenticator: new Authenticator(accounts),
    tasks: new TaskRegistry(timing, clock),
    guests,
    storages: new StorageCatalog(options.storages ?? [LOCAL]),
    backend: options.backend,
    nodes,
    bridges: new Set(options.bridges ?? ['vmbr0']),
    locks: new Map(nodes.map((node) => [node, new GlobalLock()])),
    vzdumpDefaults: {
      hookScript: options.hookScript,
      lockwaitMinutes: options.lockwaitMinutes ?? 180,
    },
    onLock: options.onLock ?? (() => undefined),
    timing,
    brokenPaths: new Set(),
    fingerprint,
    startedAtMs: Date.now(),
    clock,
  };
}
