import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { oidcConfigSchema } from './access/oidc-config.ts';
import { Failure } from './failure.ts';
import { drillConfigSchema } from './jobs/drill-config.ts';
import { notificationConfigSchema } from './notifications/config.ts';

const tokenSchema = z.strictObject({
  /** `USER@REALM!TOKENID`. */
  id: z.string().regex(/^[^@!\s]+@[^@!\s]+![^@!\s]+$/, 'write it as USER@REALM!TOKENID'),
  secretFile: z.string().min(1),
});

const trustSchema = z.union([
  z.strictObject({ ca: z.string().min(1) }),
  z.strictObject({ fingerprint: z.string().regex(/^([0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}$/) }),
]);

const nodeSchema = z
  .strictObject({
    /** As Proxmox VE names the node. */
    name: z.string().min(1),
    url: z.url({ protocol: /^https$/ }),
    /** The file of a CA certificate, or the certificate's own SHA-256 fingerprint. There is no third way. */
    trust: trustSchema,
    simulated: z.boolean().default(false),
    /** For guests that have none of their own. */
    backupToken: tokenSchema.optional(),
    /** By VMID: a token that may do nothing with any other guest. `tacet pve provision` makes them. */
    guestTokens: z.record(z.string().regex(/^[1-9]\d{2,8}$/), tokenSchema).default({}),
    /** Operator tier; without it this controller cannot restore. */
    restoreToken: tokenSchema.optional(),
    /** Where backups go; its content must include `backup`. */
    storage: z.string().min(1),
    /** Where restored disks go; the node's own default when left out. */
    restoreStorage: z.string().min(1).optional(),
    /** Between two looks at a task's log while a hold waits for it. */
    pollMs: z.number().int().min(10).max(10_000).default(50),
  })
  .refine(
    ({ backupToken, guestTokens }) => backupToken !== undefined || Object.keys(guestTokens).length > 0,
    {
      path: ['guestTokens'],
      message: 'name a token for each guest here, or one for all as backupToken',
    },
  );
export type NodeConfig = z.infer<typeof nodeSchema>;

/** Linux keeps no longer name of a unix socket. */
const SOCKET_NAME_MAX = 107;

const hookSchema = z.strictObject({
  /** Where the vzdump hook script of this machine calls. */
  socket: z.string().startsWith('/').max(SOCKET_NAME_MAX),
  /** The node that this machine is, as Proxmox VE names it. */
  node: z.string().min(1),
  /** vzdump's own configuration, which the doctor reads. */
  vzdumpConf: z.string().startsWith('/').default('/etc/vzdump.conf'),
});

const hour = 3_600_000;
/** Timers keep 24 days at most, and some wait a little longer than what is written here. */
const ms = (value: number) =>
  z
    .number()
    .int()
    .positive()
    .max(7 * 24 * hour)
    .default(value);

const tlsSchema = z.strictObject({
  /** PEM, with its chain; looked at again when it is renewed. */
  certFile: z.string().startsWith('/'),
  keyFile: z.string().startsWith('/'),
});

/** How browsers come in. */
const accessShape = {
  /** `https://name` as browsers write it, where a reverse proxy has another than this controller sees. */
  publicUrl: z.url({ protocol: /^https$/ }).optional(),
  /** Addresses and networks whose `X-Forwarded-For` is believed; of nobody else. */
  trustedProxies: z.array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()])).default([]),
  /** A certificate of one's own, for the names that it has. Agents go on pinning the controller's. */
  tls: tlsSchema.optional(),
  /** Where the dashboard was built to; beside this program when left out. */
  dashboardDir: z.string().startsWith('/').optional(),
  /** People may also sign in with an OpenID provider. */
  oidc: oidcConfigSchema.optional(),
  /** Whether programs on this machine may read /metrics without a token. */
  metricsFromLoopback: z.boolean().default(false),
  /** A browser that nobody uses for so long is signed out. */
  loginIdleMs: ms(12 * hour),
  /** And in any case after so long. */
  loginMaxMs: ms(7 * 24 * hour),
};

export const controllerConfigSchema = z.strictObject({
  listen: z.strictObject({ address: z.string().min(1), port: z.number().int().min(0).max(65_535) }),
  /** `https://host:port` as guests reach it; what `listen` says when left out. */
  agentUrl: z.url({ protocol: /^https$/ }).optional(),
  stateDir: z.string().min(1),
  ...accessShape,
  /**
   * The key that secrets on disk are sealed with; beside `stateDir`, as `<stateDir>.key`, when left out. The systemd
   * credential `tacet-key` goes before it.
   */
  keyFile: z.string().startsWith('/').optional(),
  nodes: z.array(nodeSchema),
  /** For a controller that runs on a node: its hook script may call. Without it nobody listens for it. */
  hook: hookSchema.optional(),
  /** From when on something is worth a message. */
  notifications: notificationConfigSchema.prefault({}),
  /** Without it no backup is drilled. */
  drill: drillConfigSchema.optional(),
  /** How long a guest stays held when this controller falls silent. Renewed until the snapshot is seen. */
  leaseMs: ms(30_000),
  /** Longest wait for the snapshot, renewals included; then the guest is thawed and the verdict is `crash`. */
  maxHoldMs: ms(120_000),
  prepareDeadlineMs: ms(60_000),
  holdDeadlineMs: ms(15_000),
  /** For getting a backup started on a busy node, and as long again for its end. */
  backupDeadlineMs: ms(3 * hour),
  restoreDeadlineMs: ms(3 * hour),
  /** From the start of a restored guest to Ready. */
  readyDeadlineMs: ms(600_000),
  heartbeatMs: ms(10_000),
  /** Longer than any freeze of a guest, or a snapshot would cost it its session. */
  sessionTtlMs: ms(75_000),
  enrolmentTtlMs: ms(hour),
  maxSessions: z.number().int().positive().default(1000),
});
export type ControllerConfig = z.infer<typeof controllerConfigSchema>;
/** As a person writes it: what has a default may be left out. */
export type ControllerConfigInput = z.input<typeof controllerConfigSchema>;

/** @throws Failure `invalid-input` naming every field that is wrong. */
export async function loadConfig(path: string): Promise<ControllerConfig> {
  let text: unknown;
  try {
    text = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new Failure('invalid-input', `cannot read the configuration ${path}`, { cause });
  }
  return parseConfig(text, path);
}

export function parseConfig(input: unknown, path = 'the configuration'): ControllerConfig {
  const parsed = controllerConfigSchema.safeParse(input);
  if (parsed.success) return parsed.data;
  const cause = new Error(z.prettifyError(parsed.error));
  throw new Failure('invalid-input', `${path} is not valid`, { cause });
}
