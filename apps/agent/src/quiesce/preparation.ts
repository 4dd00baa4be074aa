import type {
  ComingBack,
  ManifestService,
  PlannedService,
  RequestResult,
  ServiceFailure,
  ServiceMarker,
} from '@tacet/protocol';
import { describeError, runWithin } from '@tacet/runtime';
import { composeProjects, type DiscoveredService, manifestServices } from '../discovery/compose.ts';
import type { GuestHost } from '../guest/guest.ts';
import type { Journal } from '../journal/journal.ts';
import { newGenericHold } from '../methods/make-method.ts';
import type { ServiceHold } from '../methods/method.ts';
import { takeMarker } from '../methods/take-marker.ts';
import { engineMethodFor, look, type LookPorts, planFor, type Sight } from './look.ts';
import type { Operation } from './operation.ts';
import { nothingKnown, type PreparedService } from './prepared-service.ts';

/** The share of prepare's time that flushing may take: what is left is for the sync. */
const flushShare = 0.8;

/** After a preparation this long, what was synced first is dirty again by the time of the hold. */
const longSyncMs = 1_000;

export interface PreparationPorts extends LookPorts {
  host: GuestHost;
  journal: Journal;
  agentVersion: string;
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
  const sight = await look(ports, signal);
  operation.services = sight.services;
  await writeManifest(operation, ports, signal);
  const failures: ServiceFailure[] = [];
  await Promise.all(
    planFor(sight, new Map()).services.map(async (planned) => {
      const serviceStartedMs = clock.monotonicMs();
      const { stack, service } = planned;
      const prepared = prepareToHold(operation, planned, sight, ports);
      try {
        await runWithin(
          signal,
          deadlineMs * flushShare,
          `preparing ${stack}/${service}`,
          (within) => flush(prepared, ports, within),
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
  operation.plan = planFor(sight, factsOf(operation));
  if (markersOf(operation).length > 0) await writeManifest(operation, ports, signal);
  // Last, so that the hold's own sync finds little left to write: that is most of the stall.
  const syncStartedMs = clock.monotonicMs();
  await ports.host.syncFilesystems(signal);
  if (clock.monotonicMs() - syncStartedMs > longSyncMs) await ports.host.syncFilesystems(signal);
  const comingBack = manifestServices(operation.services).map(toComingBack);
  return { plan: { ...operation.plan, comingBack }, prepareMs: clock.monotonicMs() - startedMs, failures };
}

/**
 * The steps to hold, as the guest is now: what has gone since it was prepared is left out, what was started
 * again is taken as its new process, and what is new is held with the others.
 */
export async function refreshOperation(
  operation: Operation,
  ports: PreparationPorts,
  signal: AbortSignal,
): Promise<void> {
  const sight = await look(ports, signal);
  const changed = fingerprint(sight.services) !== fingerprint(operation.services);
  operation.services = sight.services;
  operation.plan = planFor(sight, factsOf(operation));
  const byContainer = new Map(operation.plan.services.map((planned) => [planned.containerId, planned]));
  for (const planned of byContainer.values()) {
    const before = operation.prepared.get(planned.containerId);
    if (before?.target.container.pid === sight.targets.get(planned.containerId)?.container.pid) continue;
    await before?.method?.close();
    prepareToHold(operation, planned, sight, ports);
  }
  operation.steps = operation.plan.steps.map(({ action, containerIds }) =>
    containerIds.map((id): ServiceHold => {
      const planned = byContainer.get(id);
      const prepared = operation.prepared.get(id);
      if (!planned || !prepared) throw new Error(`the plan names ${id}, which it does not describe`);
      if (action !== 'lock') return newGenericHold({ ...recordOf(planned, prepared), action }, ports);
      if (!prepared.method?.lock) throw new Error(`${planned.method} has no lock`);
      return prepared.method.lock;
    }),
  );
  if (changed) await writeManifest(operation, ports, signal);
}

async function flush(prepared: PreparedService, ports: PreparationPorts, signal: AbortSignal): Promise<void> {
  if (!prepared.method) return;
  prepared.facts = await prepared.method.discover(signal);
  prepared.flush = await prepared.method.prepare(signal);
  prepared.facts = { ...prepared.facts, predictedHoldMs: prepared.flush.predictedHoldMs };
  const marker = await takeMarker(prepared.target, prepared.method, ports, signal);
  if (marker) prepared.marker = marker;
}

function prepareToHold(
  operation: Operation,
  planned: PlannedService,
  sight: Sight,
  ports: PreparationPorts,
): PreparedService {
  const target = sight.targets.get(planned.containerId);
  if (!target) throw new Error(`the plan names ${planned.containerId}, which nobody saw running`);
  const prepared: PreparedService = {
    target,
    method: engineMethodFor(planned, sight, ports),
    facts: nothingKnown,
    flush: undefined,
    prepareMs: 0,
  };
  operation.prepared.set(planned.containerId, prepared);
  return prepared;
}

function recordOf(
  { stack, service, containerId, method }: PlannedService,
  { target }: PreparedService,
): Omit<ServiceHold['record'], 'action'> {
  // `none` is never planned; its type does not say so.
  return {
    stack,
    service,
    containerId,
    method: method === 'none' ? 'freeze' : method,
    cgroup: target.cgroup,
  };
}

function factsOf({ prepared }: Operation): Map<string, PreparedService['facts']> {
  return new Map([...prepared].map(([containerId, { facts }]) => [containerId, facts]));
}

function markersOf({ prepared }: Operation): ServiceMarker[] {
  return [...prepared.values()].flatMap(({ marker }) => marker ?? []);
}

async function writeManifest(
  operation: Operation,
  ports: PreparationPorts,
  signal: AbortSignal,
): Promise<void> {
  const { host, engine, clock, agentVersion } = ports;
  await ports.journal.writeManifest({
    version: 3,
    operationId: operation.id,
    takenAt: Math.round(clock.now()),
    bootId: await host.bootId(),
    incarnation: await host.incarnation(),
    agentVersion,
    engineVersion: await engine.version(signal),
    services: manifestServices(operation.services),
    markers: markersOf(operation),
    projects: composeProjects(operation.services),
  });
}

function toComingBack({ stack, service, image, state, restartPolicy }: ManifestService): ComingBack {
  return { stack, service, image, state, restartPolicy };
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
