import { planQuiesce } from '@tacet/core';
import type { QuiescePlan, RequestResult, ServiceFailure } from '@tacet/protocol';
import { describeError, runWithin } from '@tacet/runtime';
import { type DiscoveredService, discover, manifestServices, plannable } from '../discovery/compose.ts';
import type { EngineContainer } from '../engine/engine.ts';
import type { GuestHost } from '../guest/guest.ts';
import type { HoldRecord } from '../journal/schemas.ts';
import type { Journal } from '../journal/journal.ts';
import { newHold } from './make-hold.ts';
import type { MethodPorts, ServiceHold } from './method.ts';
import type { Operation, PreparedService } from './operation.ts';

/** The share of prepare's time that flushing may take: what is left is for the sync. */
const flushShare = 0.8;

/** After a preparation this long, what was synced first is dirty again by the time of the hold. */
const longSyncMs = 1_000;

export interface PreparationPorts extends MethodPorts {
  host: GuestHost;
  journal: Journal;
  agentVersion: string;
}

/** What would be held how, as the guest is now. */
export async function look(
  ports: MethodPorts,
  signal: AbortSignal,
): Promise<{ services: DiscoveredService[]; plan: QuiescePlan }> {
  const services = discover(await ports.engine.containers(signal));
  const plan = planQuiesce(plannable(services));
  for (const { stack, service, container } of services) {
    // It may run again in the middle of the hold, and nothing can stop it from doing so.
    if (container.state === 'restarting')
      plan.uncovered.push({ stack, service, reason: 'the engine is restarting it again and again' });
  }
  return { services, plan };
}

/** Everything slow, while writes go on. Fails only where the backup could not carry its manifest. */
export async function prepareOperation(
  operation: Operation,
  ports: PreparationPorts,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<RequestResult<'prepare'>> {
  const { clock } = ports;
  const startedMs = clock.monotonicMs();
  const { services, plan } = await look(ports, signal);
  operation.services = services;
  operation.plan = plan;
  await writeManifest(operation, ports, signal);
  const failures: ServiceFailure[] = [];
  const containers = byId(services);
  await Promise.all(
    plan.waves.flat().map(async (planned) => {
      const container = containers.get(planned.containerId);
      if (!container) return;
      const serviceStartedMs = clock.monotonicMs();
      const { stack, service } = planned;
      try {
        const prepared = await newPrepared(planned, container, ports);
        operation.prepared.set(container.id, prepared);
        await runWithin(
          signal,
          deadlineMs * flushShare,
          `preparing ${stack}/${service}`,
          (within) => prepared.hold.prepare(within),
          { clock },
        );
        prepared.prepareMs = clock.monotonicMs() - serviceStartedMs;
      } catch (error) {
        signal.throwIfAborted();
        ports.logger.warn('not prepared', { operationId: operation.id, stack, service, error });
        failures.push({ stack, service, phase: 'prepare', message: describeError(error) });
      }
    }),
  );
  // Last, so that the hold's own sync finds little left to write: that is most of the stall.
  const syncStartedMs = clock.monotonicMs();
  await ports.host.syncFilesystems(signal);
  if (clock.monotonicMs() - syncStartedMs > longSyncMs) await ports.host.syncFilesystems(signal);
  return { plan, prepareMs: clock.monotonicMs() - startedMs, failures };
}

/**
 * The waves to hold, as the guest is now: what has gone since it was prepared is left out, what was started
 * again is prepared for its new process, and what is new is held with the others by the generic method.
 */
export async function refreshOperation(
  operation: Operation,
  ports: PreparationPorts,
  signal: AbortSignal,
): Promise<void> {
  const { services, plan } = await look(ports, signal);
  const changed = fingerprint(services) !== fingerprint(operation.services);
  operation.services = services;
  const containers = byId(services);
  const planned = new Set(operation.plan.waves.flat().map(({ containerId }) => containerId));
  const newcomers = plan.waves.flat().filter(({ containerId }) => !planned.has(containerId));
  const waves: ServiceHold[][] = [];
  for (const wave of [newcomers, ...operation.plan.waves]) {
    const holds: ServiceHold[] = [];
    for (const service of wave) {
      const container = containers.get(service.containerId);
      if (container?.state !== 'running') continue;
      const before = operation.prepared.get(container.id);
      if (before?.pid === container.pid) {
        holds.push(before.hold);
        continue;
      }
      await before?.hold.close();
      const fresh = await newPrepared(service, container, ports);
      operation.prepared.set(container.id, fresh);
      holds.push(fresh.hold);
    }
    if (holds.length > 0) waves.push(holds);
  }
  operation.waves = waves;
  if (changed) await writeManifest(operation, ports, signal);
}

async function newPrepared(
  planned: QuiescePlan['waves'][number][number],
  container: EngineContainer,
  ports: MethodPorts,
): Promise<PreparedService> {
  const { stack, service, containerId, method } = planned;
  const cgroup = await ports.freezer.cgroupOf(container.pid);
  // `none` never stands in a wave; its type does not say so.
  const record: HoldRecord = {
    stack,
    service,
    containerId,
    method: method === 'none' ? 'freeze' : method,
    cgroup,
  };
  return { hold: newHold(record, ports, container), pid: container.pid, prepareMs: 0 };
}

async function writeManifest(
  operation: Operation,
  ports: PreparationPorts,
  signal: AbortSignal,
): Promise<void> {
  const { host, engine, clock, agentVersion } = ports;
  await ports.journal.writeManifest({
    version: 1,
    operationId: operation.id,
    takenAt: Math.round(clock.now()),
    bootId: await host.bootId(),
    incarnation: await host.incarnation(),
    agentVersion,
    engineVersion: await engine.version(signal),
    services: manifestServices(operation.services),
  });
}

function byId(services: readonly DiscoveredService[]): Map<string, EngineContainer> {
  return new Map(services.map(({ container }) => [container.id, container]));
}

/** Of what heal acts upon. */
function fingerprint(services: readonly DiscoveredService[]): string {
  return JSON.stringify(
    manifestServices(services).map(({ containerId, state, restartPolicy }) => [
      containerId,
      state,
      restartPolicy,
    ]),
  );
}
