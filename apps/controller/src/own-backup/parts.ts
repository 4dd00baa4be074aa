import { join, resolve } from 'node:path';
import { keyFileOf } from '../at-rest/sealing-key.ts';
import { secretFilesOf, tlsKeyFile } from '../at-rest/secret-places.ts';
import type { ControllerConfig } from '../config.ts';
import type { KeptFile } from './archive.ts';

export const STORE = 'controller.db';
export const CONFIG = 'controller.json';
export const KEY = 'sealing.key';
export const TLS_KEY = 'controller.key';

export type Part = Pick<KeptFile, 'name' | 'path' | 'restore'>;

/**
 * What a controller is made of. Left out: `cli.json`, which is made anew and holds a token in clear; a certificate of the
 * operator's own, which belongs to what renews it.
 */
export function partsOf(config: ControllerConfig, configPath: string): Part[] {
  const inState = (name: string): string => resolve(join(config.stateDir, name));
  const tlsKey = tlsKeyFile(config.stateDir).path;
  const secrets = secretFilesOf(config).flatMap(({ path }) => (path === tlsKey ? [] : [resolve(path)]));
  const ofNodes = config.nodes.map(({ trust }) => ('ca' in trust ? trust.ca : undefined));
  const authorities = [...ofNodes, config.oidc?.ca].flatMap((path) =>
    path === undefined ? [] : [resolve(path)],
  );
  return [
    { name: CONFIG, path: resolve(configPath), restore: 'always' },
    { name: STORE, path: inState('controller.db'), restore: 'always' },
    { name: TLS_KEY, path: resolve(tlsKey), restore: 'always' },
    { name: 'controller.crt', path: inState('controller.crt'), restore: 'always' },
    ...[...new Set(secrets)].map((path, index) => ({
      name: `secret-${index + 1}`,
      path,
      restore: 'always' as const,
    })),
    ...[...new Set(authorities)].map((path, index) => ({
      name: `authority-${index + 1}`,
      path,
      restore: 'if-missing' as const,
    })),
    { name: KEY, path: resolve(keyFileOf(config)), restore: 'always' },
  ];
}
