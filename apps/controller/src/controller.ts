import { chmod, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, type Logger, systemClock, Undo } from '@tacet/runtime';
import { z } from 'zod';
import { agentUrlOf, certificateNames, localUrl } from './addresses.ts';
import { createApi } from './api/app.ts';
import { loadApiToken, writeClientFile } from './api-token.ts';
import type { ControllerConfig } from './config.ts';
import { EventLog } from './event-log.ts';
import { Failure } from './failure.ts';
import { Enrolment } from './gateway/enrolment.ts';
import { Gateway } from './gateway/gateway.ts';
import { thawLeftOver } from './gateway/left-over.ts';
import { HookDesk } from './hook/hook-desk.ts';
import { HookServer } from './hook/hook-server.ts';
import { closeServer, createHttpsServer, listen } from './https-server.ts';
import { Operations } from './jobs/operations.ts';
import { Nodes } from './nodes/nodes.ts';
import { hashSecret } from './secrets.ts';
import { openStore } from './store/open-store.ts';
import { loadCertificate } from './tls/certificate.ts';

export interface ControllerOptions {
  readonly config: ControllerConfig;
  readonly log: Logger;
  readonly clock?: Clock;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
}

export interface Controller extends AsyncDisposable {
  /** `https://host:port` for clients on this machine. */
  readonly url: string;
  /** The same as guests reach it. */
  readonly agentUrl: string;
  /** SHA-256 of the certificate, `AA:BB:…`. */
  readonly fingerprint: string;
  /** Where url, fingerprint and API token are written for clients on this machine. */
  readonly clientFile: string;
}

/**
 * Composes and starts a controller. Disposing of it cancels what runs, thaws what is held, says goodbye to the
 * agents, and closes the store, in this order.
 *
 * @throws Failure `invalid-input` for a configuration that cannot work.
 */
export async function startController(options: ControllerOptions): Promise<Controller> {
  const undo = new Undo();
  try {
    const controller = await compose(options, undo);
    return { ...controller, [Symbol.asyncDispose]: () => undo[Symbol.asyncDispose]() };
  } catch (error) {
    await undo[Symbol.asyncDispose]();
    throw error;
  }
}

async function compose(
  { config, log, clock = systemClock, random = Math.random }: ControllerOptions,
  undo: Undo,
): Promise<Omit<Controller, typeof Symbol.asyncDispose>> {
  const { stateDir } = config;
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  await chmod(stateDir, 0o700);
  const certificate = await loadCertificate(stateDir, certificateNames(config), clock.now());
  const { fingerprint } = certificate;

  const store = await openStore(join(stateDir, 'controller.db'));
  undo.defer(() => store[Symbol.asyncDispose]());
  const nodes = await Nodes.open(config.nodes, clock);
  undo.defer(() => nodes[Symbol.asyncDispose]());
  const clientFile = join(stateDir, 'cli.json');
  const token = await loadApiToken(clientFile, store.apiTokens, clock.now());

  // It listens last and closes late: an agent may come back to answer the last thaw.
  const server = createHttpsServer(certificate, (request) => api.fetch(request));
  undo.defer(() => closeServer(server));
  const stopping = new AbortController();
  const events = new EventLog({ events: store.events, clock, log });
  const gateway = new Gateway({
    store,
    events,
    clock,
    log,
    limits: { ...config, ttlMs: config.sessionTtlMs },
    onArrival: (guest) => {
      if (guest.vmid !== null && operations.mayHold(guest.vmid)) return;
      void thawLeftOver(guest, { store, log, signal: stopping.signal });
    },
  });
  undo.defer(() => gateway[Symbol.asyncDispose]());
  server.on('upgrade', (request, socket, head) => gateway.upgrade(request, socket, head));

  const ports = { agents: gateway, nodes, clock, limits: config };
  const operations = new Operations({
    store,
    events,
    clock,
    log,
    backup: { ...ports, random },
    restore: { ...ports, orders: store.restoreOrders },
  });
  undo.defer(() => operations[Symbol.asyncDispose]());
  const isKnown = async (vmid: number): Promise<boolean> => (await store.guests.enrolled(vmid)) !== undefined;
  const desk = new HookDesk({ ...ports, operations, nodeName: config.hook?.node ?? '', isKnown });
  await operations.resume((request, startedAt) => desk.resume(request, startedAt));

  let port = config.listen.port;
  const api = createApi({
    version: await ownVersion(),
    tokenHash: hashSecret(token),
    store,
    events,
    roster: gateway.roster,
    enrolment: new Enrolment({
      store,
      events,
      clock,
      roster: gateway.roster,
      controller: () => ({ url: agentUrlOf(config, port), fingerprint }),
      ttlMs: config.enrolmentTtlMs,
    }),
    operations,
    simulation: nodes.simulation,
    log,
    signal: stopping.signal,
  });
  undo.defer(() => stopping.abort(new Failure('internal', 'the controller is stopping')));

  if (config.hook !== undefined) {
    const { socket: path } = config.hook;
    const hook = await HookServer.listen({ path, clock, log, handle: (call) => desk.handle(call) });
    undo.defer(() => hook[Symbol.asyncDispose]());
  }

  port = await listen(server, config.listen);
  const url = localUrl(config, port);
  const agentUrl = agentUrlOf(config, port);
  await writeClientFile(clientFile, { url, fingerprint, token });
  log.info('controller ready', { url, agentUrl, fingerprint, nodes: config.nodes.map(({ name }) => name) });
  return { url, agentUrl, fingerprint, clientFile };
}

async function ownVersion(): Promise<string> {
  const text = await readFile(new URL('../package.json', import.meta.url), 'utf8');
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}
