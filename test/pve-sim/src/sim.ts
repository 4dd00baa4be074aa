import type { Server, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { getRequestListener, type HttpBindings } from '@hono/node-server';
import { Hono } from 'hono';
import { splitCaller } from './access/accounts.ts';
import { type Answer, Dispatcher } from './api/dispatch.ts';
import { type NodeFault, NodeFaults } from './node-faults.ts';
import type { PveSimOptions, StorageOptions, TokenOptions } from './options.ts';
import { selfSignedCertificate } from './tls.ts';
import { createWorld, type NodeClock, type World } from './world.ts';

export type { NodeFault } from './node-faults.ts';

/** A running simulator. Disposing of it kills its tasks and closes its connections. */
export interface PveSim extends AsyncDisposable {
  /** `https://127.0.0.1:PORT`; the API is below `/api2/json`. */
  readonly url: string;
  /** Self-signed: it is its own CA. */
  readonly certificatePem: string;
  /** SHA-256 with colons, as Proxmox VE shows it. */
  readonly fingerprint: string;
  /** A new token of an existing user, without going through the API. */
  createToken(userid: string, options: TokenOptions): { readonly id: string; readonly secret: string };
  /** `id` is `user@realm` or `user@realm!token`. */
  grant(id: string, path: string, role: string): void;
  /** Something goes wrong on the way to a node, or (undefined) no longer does. */
  setFault(node: string, fault: NodeFault | undefined): void;
  /** What is asked of a path (`/access/permissions`) fails with a 500, or (false) no longer does. */
  breakPath(path: string, broken: boolean): void;
  /** How many calls a daemon that hangs has taken in and will carry out late. */
  hangingCalls(node: string): number;
  /** SIGKILL for a task's worker, as an operator or the OOM killer sends it. */
  killWorker(upid: string): void;
  /** `pct unlock`. */
  unlock(vmid: number): void;
  /** `pct migrate` of a guest whose disks are shared. */
  migrate(vmid: number, node: string): void;
  /** As the pool's own page does; the guest is in no other. */
  putInPool(vmid: number, pool: string): void;
  /** `pct set`, or an edit of the guest's file. */
  setConfig(vmid: number, changes: Readonly<Record<string, string | number>>): void;
  /** A changed line in /etc/vzdump.conf. */
  setHookScript(path: string | undefined): void;
  /** How far the nodes' clocks are ahead: seen in the `Date` of every answer, and in the time of tasks. */
  setClockSkew(ms: number): void;
  /** A changed entry in /etc/pve/storage.cfg. */
  setStorage(storage: StorageOptions): void;
}

/** Starts the API over TLS and resolves when it listens. */
export async function startPveSim(options: PveSimOptions): Promise<PveSim> {
  const [node = 'pve1'] = options.nodes ?? [];
  const names = new Set(['127.0.0.1', 'localhost', node, ...(options.certificateNames ?? [])]);
  const address = options.address ?? '127.0.0.1';
  if (address !== '0.0.0.0') names.add(address);
  const certificate = await selfSignedCertificate(node, [...names]);
  const world = await createWorld(options, certificate.fingerprint);
  const faults = new NodeFaults(world.nodes, world.timing);
  const app = createApp(new Dispatcher(world, faults), world.clock);
  const answer = getRequestListener(app.fetch);
  const server = createServer({ key: certificate.key, cert: certificate.pem }, (incoming, outgoing) => {
    void answer(incoming, outgoing);
  });
  await listen(server, address, options.port ?? 0);
  const { port } = server.address() as AddressInfo;

  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= shutDown(world, faults, server));
  options.signal?.addEventListener('abort', () => void close(), { once: true });
  if (options.signal?.aborted === true) await close();

  return {
    url: `https://${address === '0.0.0.0' ? '127.0.0.1' : address}:${port}`,
    certificatePem: certificate.pem,
    fingerprint: certificate.fingerprint,
    createToken: (userid, token) => {
      const { tokenid, secret } = world.accounts.addToken(userid, token);
      return { id: `${userid}!${tokenid}`, secret };
    },
    grant: (id, path, roleid) => {
      world.accounts.user(splitCaller(id)[0]);
      world.access.grant({ ugid: id, path, roleid, propagate: true });
    },
    setFault: (name, fault) => faults.set(name, fault),
    breakPath: (path, broken) => {
      if (broken) world.brokenPaths.add(path);
      else world.brokenPaths.delete(path);
    },
    hangingCalls: (name) => faults.hanging(name),
    killWorker: (upid) => world.tasks.get(upid)?.kill(),
    unlock: (vmid) => {
      const guest = world.guests.get(vmid);
      if (guest !== undefined) guest.lock = undefined;
    },
    migrate: (vmid, name) => {
      const guest = world.guests.get(vmid);
      if (guest !== undefined) guest.node = name;
    },
    putInPool: (vmid, pool) => world.access.pools.get(pool)?.vmids.add(vmid),
    setConfig: (vmid, changes) => {
      const guest = world.guests.get(vmid);
      if (guest !== undefined) guest.config = { ...guest.config, ...changes };
    },
    setHookScript: (path) => {
      world.vzdumpDefaults.hookScript = path;
    },
    setClockSkew: (ms) => {
      world.clock.skewMs = ms;
    },
    setStorage: (storage) => world.storages.replace(storage),
    [Symbol.asyncDispose]: close,
  };
}

type Bindings = { Bindings: HttpBindings };

function createApp(dispatcher: Dispatcher, clock: NodeClock): Hono<Bindings> {
  const app = new Hono<Bindings>();
  app.all('/api2/*', async (context) => {
    const { pathname } = new URL(context.req.url);
    const [, , formatter = '', ...rest] = pathname.split('/');
    const path = `/${rest.filter((part) => part !== '').join('/')}`;
    if (formatter !== 'json') {
      return new Response(`no formatter for uri ${path}, ${formatter}`, {
        status: 501,
        headers: { Server: 'pve-api-daemon/3.0' },
      });
    }
    const answer = await dispatcher.answer(context.req.raw, path);
    context.env.outgoing.setHeader('Date', new Date(clock.nowMs()).toUTCString());
    return toResponse(answer, context.env.outgoing);
  });
  return app;
}

/** The reason stands in the status line, where some of Proxmox VE's errors have their only text. */
function toResponse(answer: Answer, outgoing: ServerResponse): Response {
  outgoing.statusMessage = answer.reason.replaceAll(/[\r\n]+/g, ' ').trimEnd();
  const headers = new Headers({
    Server: 'pve-api-daemon/3.0',
    'Cache-Control': 'max-age=0',
    Pragma: 'no-cache',
  });
  if (answer.body === undefined)
    return new Response(answer.text === undefined ? null : `${answer.text}\n`, {
      status: answer.status,
      headers,
    });
  headers.set('Content-Type', 'application/json;charset=UTF-8');
  return new Response(JSON.stringify(answer.body), { status: answer.status, headers });
}

function listen(server: Server, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function shutDown(world: World, faults: NodeFaults, server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeAllConnections();
  faults.clearAll();
  const running = world.tasks.all().filter((task) => task.running);
  for (const task of running) task.kill();
  await Promise.all(running.map((task) => task.finished));
  await closed;
}
