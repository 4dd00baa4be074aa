import { isDeepStrictEqual } from 'node:util';
import type { Setting } from '@tacet/protocol';
import { type ControllerConfig, parseConfig } from './config.ts';

/**
 * What may be shown. What is not named here is not: an address of a notification or a client of a login may be a secret
 * itself. Nodes have a page of their own.
 */
const shown = [
  'listen.address',
  'listen.port',
  'agentUrl',
  'publicUrl',
  'trustedProxies',
  'tls.certFile',
  'stateDir',
  'keyFile',
  'hook.socket',
  'hook.node',
  'hook.vzdumpConf',
  'drill.vmids.from',
  'drill.vmids.to',
  'drill.network.policy',
  'drill.network.bridge',
  'drill.pool',
  'drill.storage',
  'notifications.overdueAfterMs',
  'notifications.overdueGraceMs',
  'notifications.notReadyAfterMs',
  'leaseMs',
  'maxHoldMs',
  'prepareDeadlineMs',
  'holdDeadlineMs',
  'backupDeadlineMs',
  'restoreDeadlineMs',
  'readyDeadlineMs',
  'heartbeatMs',
  'sessionTtlMs',
  'enrolmentTtlMs',
  'loginIdleMs',
  'loginMaxMs',
  'maxSessions',
  'metricsFromLoopback',
] as const;

/** Has no default. */
const required = /^(?:listen\.|stateDir$)/;

/** The configuration for people to look at, with every default filled in. */
export function settingsView(config: ControllerConfig): Setting[] {
  const { listen, stateDir } = config;
  const least = parseConfig({ listen, stateDir, nodes: [] });
  return shown.map((name) => {
    const value = valueAt(config, name);
    const isDefault = !required.test(name) && isDeepStrictEqual(value, valueAt(least, name));
    return { name, value, isDefault };
  });
}

function valueAt(config: ControllerConfig, name: string): Setting['value'] {
  let value: unknown = config;
  for (const key of name.split('.')) {
    value = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
  }
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return Array.isArray(value) ? value.map(String) : null;
}
