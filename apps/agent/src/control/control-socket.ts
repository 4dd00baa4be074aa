import { chmod, mkdir, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { type Logger, TacetError } from '@tacet/runtime';
import { toWireError } from '../session/wire-error.ts';

/** In memory, and gone with the guest's boot. */
export const controlSocketPath = join(process.env['RUNTIME_DIRECTORY'] ?? '/run/tacet', 'agent.sock');

/** What root in the guest may ask of the running agent, by path. */
export type ControlCommands = Readonly<Record<string, () => Promise<unknown>>>;

/**
 * A unix socket for this guest's root. Whoever listens on it is the one process that quiesces here.
 * @throws TacetError `conflict` while another agent listens.
 */
export async function openControlSocket(
  commands: () => ControlCommands,
  { log, path = controlSocketPath }: { log: Logger; path?: string },
): Promise<AsyncDisposable> {
  const server = createServer((request, response) => void answer(request, response));
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const command = Object.entries(commands()).find(([name]) => request.url === `/${name}`)?.[1];
      if (request.method !== 'POST' || !command) {
        throw new TacetError(`this agent knows no ${request.url}`, { code: 'not-found' });
      }
      respond(response, 200, await command());
    } catch (error) {
      log.info('a command from within the guest was refused', { command: request.url, error });
      respond(response, 500, toWireError(error));
    }
  }
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  if (await isListening(path)) {
    throw new TacetError('another agent runs in this guest', {
      code: 'conflict',
      hint: 'See: systemctl status tacet-agent',
    });
  }
  // Left by one that was killed.
  await rm(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  await chmod(path, 0o600);
  return {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function respond(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
