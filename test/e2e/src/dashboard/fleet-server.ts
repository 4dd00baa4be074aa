import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import { extname, join } from 'node:path';
import type { Backup, Guest, LoginInfo, StoredEvent } from '@tacet/protocol';

const dist = join(import.meta.dirname, '..', '..', '..', '..', 'apps', 'dashboard', 'dist');
const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };
const services = ['db', 'cache', 'web', 'worker'];

/** Answers the dashboard from memory, so that what is measured is the page and not a controller. */
export class FleetServer implements AsyncDisposable {
  readonly url: string;
  readonly #guests: Guest[];
  readonly #streams: Set<ServerResponse>;
  readonly #close: () => void;
  /** Paths below `/api/v1` that fail for as long as they stand here. */
  readonly broken: Set<string>;
  #sequence = 0;

  private constructor(
    url: string,
    guests: Guest[],
    streams: Set<ServerResponse>,
    broken: Set<string>,
    close: () => void,
  ) {
    this.url = url;
    this.#guests = guests;
    this.#streams = streams;
    this.broken = broken;
    this.#close = close;
  }

  /** @param guests how many, or which */
  static async start(fleet: number | readonly Guest[]): Promise<FleetServer> {
    const guests =
      typeof fleet === 'number' ? Array.from({ length: fleet }, (_, index) => aGuest(index)) : [...fleet];
    const streams = new Set<ServerResponse>();
    const broken = new Set<string>();
    const server = createServer((request, response) => {
      const path = new URL(request.url ?? '/', 'http://x').pathname;
      if (path === '/api/v1/events/stream') {
        response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
        response.write('retry: 3000\n\n');
        streams.add(response);
        response.on('close', () => streams.delete(response));
      } else if (path.startsWith('/api/v1/') && broken.has(path.slice('/api/v1'.length))) {
        response.writeHead(503, { 'Content-Type': 'application/problem+json' }).end(JSON.stringify(problem));
      } else if (path.startsWith('/api/v1/')) {
        const found = answer(path.slice('/api/v1'.length), guests);
        response.writeHead(found === undefined ? 404 : 200, { 'Content-Type': 'application/json' });
        response.end(JSON.stringify(found ?? {}));
      } else {
        void sendFile(path, response);
      }
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return new FleetServer(`http://127.0.0.1:${address.port}`, guests, streams, broken, () => {
      server.close();
      server.closeAllConnections();
    });
  }

  /** One guest's readiness turns over, and whoever listens hears of it. */
  change(): void {
    const index = Math.floor(Math.random() * this.#guests.length);
    const guest = this.#guests[index];
    if (guest === undefined) return;
    const at = Date.now();
    const conditions = guest.conditions.map((condition) => {
      const status = condition.status === 'True' ? ('False' as const) : ('True' as const);
      return { ...condition, status, lastTransitionTime: at };
    });
    this.#guests[index] = { ...guest, conditions, lastSeenAt: at };
    const event: StoredEvent = {
      sequence: ++this.#sequence,
      at,
      type: 'condition.changed',
      message: `Ready is ${conditions[0]?.status}`,
      data: {},
      guestId: guest.id,
      vmid: guest.vmid,
    };
    for (const stream of this.#streams)
      stream.write(`id: ${event.sequence}\ndata: ${JSON.stringify(event)}\n\n`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#close();
    return Promise.resolve();
  }
}

const problem = {
  type: 'about:blank',
  title: 'Service Unavailable',
  status: 503,
  detail: 'the store does not answer',
  code: 'internal',
  hint: 'Its log says why.',
};

function answer(path: string, guests: readonly Guest[]): unknown {
  const login: LoginInfo = { account: { name: 'conductor', role: 'admin' }, csrfToken: 'x' };
  const one = /^\/guests\/(\d+)$/.exec(path)?.[1];
  if (one !== undefined) return guests.find(({ vmid }) => vmid === Number(one));
  const answers: Record<string, unknown> = {
    '/session': login,
    '/version': { version: '0', protocol: 'tacet.v1', simulatedNodes: ['pve1'] },
    '/guests': { guests },
    '/operations': { operations: [], next: null },
    '/events': { events: [], next: 0 },
  };
  return answers[path];
}

async function sendFile(path: string, response: ServerResponse): Promise<void> {
  const name = extname(path) === '' ? '/index.html' : path;
  try {
    const content = await readFile(join(dist, name));
    response.writeHead(200, { 'Content-Type': types[extname(name)] ?? 'application/octet-stream' });
    response.end(content);
  } catch {
    response.writeHead(404).end(); // no such file
  }
}

export function aGuest(index: number): Guest {
  const vmid = 100 + index;
  const now = Date.now();
  return {
    id: randomUUID(),
    vmid,
    identity: 'enrolled',
    connected: true,
    agentVersion: '0.1.0',
    incarnation: { vmid, macs: [], machineId: 'm', hostname: `guest-${vmid}` },
    quiesceState: 'idle',
    conditions: [
      {
        type: 'Ready',
        status: index % 10 === 0 ? 'False' : 'True',
        reason: 'AllConditionsTrue',
        message: 'everything that should run runs',
        observedGeneration: 1,
        lastTransitionTime: now,
      },
    ],
    services: services.map((service) => ({
      stack: 'shop',
      service,
      image: `${service}:1`,
      state: 'running',
      health: 'healthy',
      restartPolicy: 'always',
    })),
    lastSeenAt: now,
    lastBackup: aBackup(vmid, now - (index % 30) * 3_600_000),
    simulated: true,
  };
}

function aBackup(vmid: number, finishedAt: number): Backup {
  return {
    id: randomUUID(),
    operationId: randomUUID(),
    vmid,
    node: `pve${(vmid % 8) + 1}`,
    volid: `local:backup/vzdump-lxc-${vmid}.tar.zst`,
    sizeBytes: 900_000_000,
    startedAt: finishedAt - 60_000,
    finishedAt,
    origin: 'controller',
    verdict: {
      consistency: vmid % 12 === 0 ? 'crash' : 'app',
      reason: 'HoldSpansSnapshot',
      message: '4 services were held from before the snapshot until after it',
      proof: null,
      uncovered: [],
      services: services.map((service) => ({
        stack: 'shop',
        service,
        containerId: randomUUID(),
        method: 'freeze',
        holds: ['freeze'],
        engine: null,
        prepareMs: 10,
        bytesFlushed: null,
        behindSince: null,
        holdStartedAt: finishedAt - 50_000,
        heldAt: finishedAt - 49_990,
        thawedAt: finishedAt - 49_700 - (vmid % 200),
        probeStallMs: null,
        intactUntilThaw: true,
      })),
    },
  };
}
