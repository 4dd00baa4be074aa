import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clock, Logger } from '@tacet/runtime';
import type { Web } from '../api/deps.ts';
import type { ControllerConfig } from '../config.ts';
import { Failure } from '../failure.ts';
import { OwnCertificate } from '../tls/own-certificate.ts';
import { trustedProxies } from './client-address.ts';

/** Where the workspace builds the dashboard to. */
const builtDashboard = fileURLToPath(new URL('../../../dashboard/dist', import.meta.url));

export function webOptions(config: ControllerConfig): Web {
  const { publicUrl, metricsFromLoopback, loginMaxMs, dashboardDir = builtDashboard } = config;
  return {
    publicOrigin: publicUrl === undefined ? undefined : new URL(publicUrl).origin,
    trustedProxies: trustedProxies(config.trustedProxies),
    metricsFromLoopback,
    loginMaxMs,
    dashboardDir: resolve(dashboardDir),
  };
}

/**
 * The operator's certificate, where one is configured.
 *
 * @throws Failure `invalid-input` for one that agents would be shown: they pin the controller's own.
 */
export async function ownCertificate(
  { tls, agentUrl }: ControllerConfig,
  clock: Clock,
  log: Logger,
): Promise<OwnCertificate | undefined> {
  if (tls === undefined) return undefined;
  const own = await OwnCertificate.load(tls, clock, log);
  const name = agentUrl === undefined ? undefined : new URL(agentUrl).hostname;
  if (name !== undefined && own.isFor(name)) {
    throw new Failure(
      'invalid-input',
      `${tls.certFile} is for ${name}, under which agents reach this controller`,
      {
        hint: 'Agents pin the controller’s own certificate, so that no renewal locks them out: give `agentUrl` an IP address, or a name that this certificate is not for.',
      },
    );
  }
  return own;
}

/** What is printed while there is no account. After the `#` it goes into no log of a proxy. */
export function setupUrl(base: string, secret: string): string {
  return `${base}/setup#token=${secret}`;
}
