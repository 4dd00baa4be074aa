import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, type Logger, systemClock, Undo } from '@tacet/runtime';
import { agentUrlOf, certificateNames, localUrl } from './addresses.ts';
import { Access } from './access/access.ts';
import { ownCertificate, setupUrl, webOptions } from './access/front-door.ts';
import { openOidc } from './access/oidc-door.ts';
import { createApi } from './api/app.ts';
import { type Environment, findKeys } from './at-rest/sealing-key.ts';
import { Vault } from './at-rest/vault.ts';
import { loadApiToken, writeClientFile } from './api-token.ts';
import type { ControllerConfig } from './config.ts';
import { Doctor } from './doctor/doctor.ts';
import { retentionsOf } from './doctor/retentions.ts';
import { EventLog } from './event-log.ts';
import { Failure } from './failure.ts';
import { Enrolment } from './gateway/enrolment.ts';
import { forgetGuest } from './gateway/forget-guest.ts';
import { Gateway } from './gateway/gateway.ts';
import { thawLeftOver } from './gateway/left-over.ts';
import { HookDesk } from './hook/hook-desk.ts';
import { HookServer } from './hook/hook-server.ts';
import { closeServer, createHttpsServer, listen } from './https-server.ts';
import { Operations } from './jobs/operations.ts';
import { thawNow } from './jobs/thaw-now.ts';
import { Metrics } from './metrics/metrics.ts';
import { describeNodes } from './nodes/describe-nodes.ts';
import { Nodes } from './nodes/nodes.ts';
import { NotificationDesk } from './notifications/notification-desk.ts';
import { ownVersion } from './own-version.ts';
import { ScheduleDesk } from './schedules/schedule-desk.ts';
import { settingsView } from './settings-view.ts';
import { logUnreadable } from './store/log-unreadable.ts';
import { openStore } from './store/open-store.ts';
import { loadCertificate } from './tls/certificate.ts';

export interface ControllerOptions {
  readonly config: ControllerConfig;
  readonly log: Logger;
  readonly clock?: Clock;
  /** Of this process: where systemd puts its credentials. */
  readonly env?: Environment;
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
  /** Where the first account is made, with its one-time token; undefined once there is one. */
  readonly setupUrl: string | undefined;
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
  { config, log, clock = systemClock, env = process.env, random = Math.random }: ControllerOptions,
  undo: Undo,
): Promise<Omit<Controller, typeof Symbol.asyncDispose>> {
  const { stateDir } = config;
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  await chmod(stateDir, 0o700);
  const { keys, path: keyPath } = await findKeys(config, env);
  log.info('secrets on disk are sealed', { path: keyPath, id: keys.ids[0] });
  const vault = new Vault({ keys, log });
  const certificate = await loadCertificate(stateDir, certificateNames(config), vault, clock.now());
  const { fingerprint } = certificate;

  const store = await openStore(join(stateDir, 'controller.db'), logUnreadable(log));
  undo.defer(() => store[Symbol.asyncDispose]());
  const nodes = await Nodes.open(config.nodes, clock, vault);
  undo.defer(() => nodes[Symbol.asyncDispose]());
  const clientFile = join(stateDir, 'cli.json');
  const token = await loadApiToken(clientFile, store.apiTokens, clock.now());

  // It listens last and closes late: an agent may come back to answer the last thaw.
  const own = await ownCertificate(config, clock, log);
  const server = createHttpsServer(
    certificate,
    (request, environment) => api.fetch(request, environment),
    own && ((name) => own.contextFor(name)),
  );
  undo.defer(() => closeServer(server));
  const stopping = new AbortController();
  const events = new EventLog({ events: store.events, clock, log });
  const access = new Access({ store, clock, log, limits: config });
  undo.defer(() => access[Symbol.asyncDispose]());
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

  const version = await ownVersion();
  const metrics = await Metrics.create({
    version,
    store,
    roster: gateway.roster,
    running: () => operations.running(),
    backupReady: () => doctor.backupReady(),
  });
  events.observe((event) => metrics.event(event));

  const ports = { agents: gateway, nodes, clock, limits: config };
  let toldOfEnds: ScheduleDesk | undefined; // from when it has been opened on
  const operations: Operations = new Operations({
    store,
    events,
    clock,
    log,
    backup: { ...ports, random },
    restore: { ...ports, orders: store.restoreOrders },
    drill: {
      drills: store.drills,
      policy: config.drill,
      forgetGuest: (vmid) => forgetGuest(vmid, store, gateway.roster),
    },
    onEnded: (operation) => {
      metrics.ended(operation);
      toldOfEnds?.ended(operation);
    },
  });
  undo.defer(() => operations[Symbol.asyncDispose]());
  const isKnown = (vmid: number): Promise<boolean> => store.guests.isEnrolled(vmid);
  const desk = new HookDesk({
    ...ports,
    operations,
    nodeName: config.hook?.node ?? '',
    isKnown,
    backupsOf: (vmid) => store.backups.list(vmid, 10),
  });
  await operations.resume((request, startedAt) => desk.resume(request, startedAt));

  const schedules = await ScheduleDesk.open({
    ...ports,
    store,
    operations,
    events,
    log,
    scratch: config.drill?.vmids,
  });
  toldOfEnds = schedules;
  undo.defer(() => schedules[Symbol.asyncDispose]());

  const web = webOptions(config);
  let port = config.listen.port;
  const oidc = await openOidc(config, {
    access,
    store,
    vault,
    clock,
    log,
    origin: () => web.publicOrigin ?? agentUrlOf(config, port),
  });
  if (oidc !== undefined) undo.defer(() => oidc[Symbol.asyncDispose]());
  const notifications = await NotificationDesk.open({
    store,
    events,
    roster: gateway.roster,
    isBusy: (vmid) => operations.isBusy(vmid),
    keys,
    config: config.notifications,
    version,
    origin: () => web.publicOrigin ?? agentUrlOf(config, port),
    clock,
    log,
    random,
    onAttempt: (channel, outcome) => metrics.notified(channel, outcome),
  });
  undo.defer(() => notifications[Symbol.asyncDispose]());

  const doctor = new Doctor({
    nodes: nodes.configured,
    guests: () => store.guests.list(),
    live: (vmid) => gateway.roster.enrolled(vmid),
    retentions: () => retentionsOf(store, log),
    hook: config.hook,
    drill: config.drill,
    controllerVersion: version,
    reports: store.doctorReports,
    clock,
    log,
  });

  const api = createApi({
    version,
    doctor,
    access,
    oidc,
    clock,
    metrics,
    web,
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
    copies: gateway.copies,
    operations,
    thawNow: (vmid) => thawNow(vmid, { agents: gateway, leaseMs: config.leaseMs }, stopping.signal),
    schedules,
    notifications,
    simulation: nodes.simulation,
    installation: {
      settings: settingsView(config),
      nodes: (signal) => describeNodes(nodes.configured, clock, signal),
    },
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
  notifications.begin();
  const setup = await access.openSetup();
  log.info('controller ready', { url, agentUrl, fingerprint, nodes: config.nodes.map(({ name }) => name) });
  return {
    url,
    agentUrl,
    fingerprint,
    clientFile,
    setupUrl: setup && setupUrl(web.publicOrigin ?? agentUrl, setup),
  };
}
