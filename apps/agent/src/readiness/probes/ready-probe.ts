import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { connect } from 'node:net';
import { readLabels } from '@tacet/protocol';
import { TacetError } from '@tacet/runtime';
import type { DiscoveredService } from '../../discovery/compose.ts';
import type { ProbeCommands } from './probe-commands.ts';

/** What a label wants to know of a container before it counts as ready. */
export interface ReadyProbe {
  /** For people: `tcp 5432`, `http 8080/health`, `exec`. */
  name: string;
  timeoutMs: number;
  /** Resolves when it is ready. @throws Error that says what is in the way */
  ask(commands: ProbeCommands, signal: AbortSignal): Promise<void>;
}

const defaultTimeoutMs = 5_000;

/** Of the last line that a command has said. */
const saidLength = 200;

/** One for each label `tacet.ready.…` that is right; `tacet-agent plan` names the others. */
export function readyProbesOf({ container }: DiscoveredService): ReadyProbe[] {
  const { id, address } = container;
  const { labels } = readLabels(container.labels);
  const timeoutMs = labels['tacet.ready.timeout'] ?? defaultTimeoutMs;
  const { 'tacet.ready.tcp': port, 'tacet.ready.http': url, 'tacet.ready.exec': command } = labels;
  const probes: ReadyProbe[] = [];
  if (port !== undefined) {
    const ask: ReadyProbe['ask'] = (_commands, signal) => takesConnections(reachable(address), port, signal);
    probes.push({ name: `tcp ${port}`, timeoutMs, ask });
  }
  if (url !== undefined) {
    const ask: ReadyProbe['ask'] = (_commands, signal) => answersGet(reachable(address), url, signal);
    probes.push({ name: `http ${url}`, timeoutMs, ask });
  }
  if (command !== undefined) {
    const ask: ReadyProbe['ask'] = (commands, signal) => endsWell(commands, id, command, signal);
    probes.push({ name: 'exec', timeoutMs, ask });
  }
  return probes;
}

function reachable(address: string | undefined): string {
  if (address !== undefined) return address;
  throw new TacetError('the container has no address of its own', {
    code: 'invalid-input',
    hint: 'tacet.ready.exec asks inside of it.',
  });
}

function takesConnections(host: string, port: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal });
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}

/** `8080/health`, `https:8443/health`. It follows no redirect: who redirects serves. */
function answersGet(host: string, url: string, signal: AbortSignal): Promise<void> {
  const isSecure = url.startsWith('https:');
  const [, port, path] = /(\d+)(\/.*)$/.exec(url) ?? [];
  return new Promise((resolve, reject) => {
    const options = { host, port, path, signal, agent: false, headers: { 'user-agent': 'tacet-agent' } };
    const request = isSecure
      ? // Whose certificate it is proves nothing about whether it serves.
        requestHttps({ ...options, ca: [], rejectUnauthorized: false })
      : requestHttp(options);
    request.once('response', (response) => {
      const { statusCode = 0 } = response;
      response.destroy();
      if (statusCode >= 200 && statusCode < 400) resolve();
      else reject(new TacetError(`it answers ${statusCode}`, { code: 'not-ready' }));
    });
    request.once('error', reject);
    request.end();
  });
}

async function endsWell(
  commands: ProbeCommands,
  containerId: string,
  command: string,
  signal: AbortSignal,
): Promise<void> {
  const result = await commands.exec(containerId, { argv: ['sh', '-c', command] }, signal);
  if (result.exitCode === 0) return;
  const said = (result.stderr.trim() || result.stdout.trim()).split('\n').at(-1)?.slice(0, saidLength);
  throw new TacetError(`exit code ${result.exitCode}${said ? `: ${said}` : ''}`, { code: 'not-ready' });
}
