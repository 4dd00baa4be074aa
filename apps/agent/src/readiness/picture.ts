import type { Finding } from '@tacet/core';
import type { ManifestService, QuiesceState, RestartPolicy } from '@tacet/protocol';
import type { DiscoveredService } from '../discovery/compose.ts';
import type { HealView } from '../heal/healer.ts';
import type { DataView } from './data/data-verifier.ts';
import type { IdentityState } from '../session/identity-state.ts';
import type { ProbeAnswer } from './probes/ready-prober.ts';
import type { DatabaseAnswer } from './database-prober.ts';

/** Everything the checks judge, looked at once per round. */
export interface Picture {
  engine: EngineView;
  quiesce: QuiesceView;
  databases: readonly DatabaseAnswer[];
  data: DataView;
  probes: readonly ProbeAnswer[];
  heal: HealView;
  identity: IdentityState;
  missingRestartPolicy: RestartPolicy;
}

export type EngineView =
  | { kind: 'reachable'; version: string; services: readonly DiscoveredService[] }
  | { kind: 'unreachable'; because: string };

export interface QuiesceView {
  state: QuiesceState;
  /** What should have been thawed and is not. */
  unthawed: readonly { stack: string; service: string; message: string }[];
}

/** One readiness check: pure, one file each. */
export type Check = (picture: Picture) => Finding;

/** True while services stand still on purpose. */
export function isHeld({ quiesce }: Picture): boolean {
  return quiesce.state === 'holding' || quiesce.state === 'held' || quiesce.state === 'thawing';
}

export interface ExpectedService {
  stack: string;
  service: string;
  /** Undefined where its container is gone. */
  now: DiscoveredService | undefined;
}

/**
 * What should run: while healing what the manifest says, otherwise whatever the engine is not done with. A
 * container that somebody stopped is no fault.
 */
export function expectedServices(picture: Picture): ExpectedService[] {
  if (picture.engine.kind === 'unreachable') return [];
  const { services } = picture.engine;
  const { manifest } = picture.heal;
  if (manifest === undefined) {
    return services
      .filter(({ container: { state } }) => state !== 'created' && state !== 'exited' && state !== 'removing')
      .map((now) => ({ stack: now.stack, service: now.service, now }));
  }
  return manifest.services.filter(ran).map((service) => ({
    stack: service.stack,
    service: service.service,
    now: services.find(
      ({ container }) => container.id === service.containerId || container.name === service.containerName,
    ),
  }));
}

function ran({ state }: ManifestService): boolean {
  return state === 'running' || state === 'paused' || state === 'restarting';
}

/** What is said of every check that needs the engine when it does not answer. */
export function unknownWithoutEngine(type: Finding['type']): Finding {
  return {
    type,
    status: 'Unknown',
    reason: 'EngineUnreachable',
    message: 'the engine does not answer',
  };
}

/** `shop/db: exited; shop/app: restarting`. */
export function listing(items: readonly { stack: string; service: string; what: string }[]): string {
  return items.map(({ stack, service, what }) => `${stack}/${service}: ${what}`).join('; ');
}
