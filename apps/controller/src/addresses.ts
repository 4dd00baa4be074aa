import { isIP } from 'node:net';
import type { ControllerConfig } from './config.ts';
import { Failure } from './failure.ts';

const EVERYWHERE = new Set(['0.0.0.0', '::']);

/** Names and addresses that the certificate is for. Who connects pins it anyway; this is for other tools. */
export function certificateNames({ listen, agentUrl }: ControllerConfig): string[] {
  const names = new Set(['localhost', '127.0.0.1']);
  if (!EVERYWHERE.has(listen.address)) names.add(listen.address);
  if (agentUrl !== undefined) names.add(new URL(agentUrl).hostname.replaceAll(/[[\]]/g, ''));
  return [...names];
}

/** For clients on this machine. */
export function localUrl({ listen }: ControllerConfig, port: number): string {
  return httpsUrl(EVERYWHERE.has(listen.address) ? '127.0.0.1' : listen.address, port);
}

/** @throws Failure `invalid-input` where nothing says under which address guests reach this controller. */
export function agentUrlOf({ listen, agentUrl }: ControllerConfig, port: number): string {
  if (agentUrl !== undefined) return new URL(agentUrl).origin;
  if (!EVERYWHERE.has(listen.address)) return httpsUrl(listen.address, port);
  throw new Failure(
    'invalid-input',
    `listening on ${listen.address} says not how guests reach this controller`,
    {
      hint: 'Set `agentUrl` in the configuration, as https://ADDRESS:PORT.',
    },
  );
}

function httpsUrl(host: string, port: number): string {
  return `https://${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}
