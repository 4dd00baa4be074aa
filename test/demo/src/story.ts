import type { Operation } from '@tacet/protocol';
import { systemClock } from '@tacet/runtime';
import type { Api } from './api.ts';
import type { Narrator } from './narrator.ts';
import type { Stage } from './stage.ts';
import { type GuestFacts, type Summary, summarise } from './summary.ts';

const pollMs = 250;

/**
 * The whole path, told as it happens: a guest under write load is backed up, the backup is restored next to
 * it, the copy heals, and every acknowledged write is looked for in it.
 *
 * @throws the abort reason when the signal ends it. What goes wrong in the story itself is in the summary.
 */
export async function tell(
  stage: Stage,
  api: Api,
  narrator: Narrator,
  signal: AbortSignal,
): Promise<Summary> {
  const { original, copy } = stage;
  narrator.title(`Guest ${original} works`);
  await waitForReady(api, original, signal);
  await stage.writes.flowing(original, signal);
  const before = await factsOf(api, original, signal);
  narrate(narrator, before);
  const sessionsBefore = await sessionsOf(api, original, signal);

  narrator.title(`Backup of guest ${original}`);
  const backup = await follow(api, await api.startBackup(original, signal), narrator, signal);
  const verdict = backup.backup?.verdict ?? null;
  if (backup.error) narrator.say(`failed: ${backup.error.message}`);
  await stage.writes.flowing(original, signal);
  const window = { from: backup.startedAt, to: Date.now() };
  const stalls = verdict ? stage.writes.stalls(window) : [];
  for (const { stream, stallMs } of stalls)
    narrator.say(`longest write stall, ${stream}: ${Math.round(stallMs)} ms`);
  for (const service of verdict?.services ?? []) {
    const heldMs = (service.thawedAt ?? service.heldAt) - service.holdStartedAt;
    narrator.say(`${service.stack}/${service.service} was held by ${service.method} for ${heldMs} ms`);
  }
  if (verdict) narrator.say(`verdict ${verdict.consistency}: ${verdict.message}`);

  narrator.title(`Restore as guest ${copy}`);
  const restoredFrom = Date.now();
  const restore = backup.backup && (await api.startRestore(original, copy, signal));
  const restored = restore && (await follow(api, restore, narrator, signal));
  if (restored?.error) narrator.say(`failed: ${restored.error.message}`);
  const readyAfterMs = Date.now() - restoredFrom;
  const facts = await factsOf(api, copy, signal);
  narrate(narrator, facts);

  narrator.title('Looking for every acknowledged write');
  const cut = verdict?.proof?.thawSentAt;
  // Nothing can be acknowledged between hold and thaw, so everything acknowledged before the thaw must be there.
  const writes =
    restored?.restoredTo === copy && cut !== undefined ? await stage.writes.missingIn(copy, cut) : [];
  for (const { stream, acknowledged, missing } of writes) {
    narrator.say(`${stream}: ${acknowledged} acknowledged before the thaw, ${missing} missing in the copy`);
  }
  await stage.writes.flowing(original, signal);

  return summarise({
    simulated: stage.kind === 'simulation',
    reality: stage.reality,
    verdict,
    stalls,
    writes,
    before,
    after: await factsOf(api, original, signal),
    sessionKept: (await sessionsOf(api, original, signal)) === sessionsBefore,
    copy: facts,
    readyAfterMs,
  });
}

async function follow(
  api: Api,
  started: Operation,
  narrator: Narrator,
  signal: AbortSignal,
): Promise<Operation> {
  let told = 0;
  for (let operation = started; ; operation = await api.operation(started.id, signal)) {
    for (const { name, message } of operation.steps.slice(told)) narrator.say(`${name}: ${message}`);
    told = operation.steps.length;
    if (operation.state !== 'running') return operation;
    await systemClock.sleep(pollMs, signal);
  }
}

async function waitForReady(api: Api, vmid: number, signal: AbortSignal): Promise<void> {
  while ((await factsOf(api, vmid, signal)).ready?.status !== 'True') await systemClock.sleep(pollMs, signal);
}

async function factsOf(api: Api, vmid: number, signal: AbortSignal): Promise<GuestFacts> {
  const guests = await api.guests(signal);
  const guest = guests.find((candidate) => candidate.vmid === vmid && candidate.identity === 'enrolled');
  const ready = guest?.connected ? guest.conditions.find(({ type }) => type === 'Ready') : undefined;
  return { vmid, ready: ready ?? null, services: guest?.services ?? [] };
}

/** How many sessions a guest has had: as many as before means that nobody took its place meanwhile. */
async function sessionsOf(api: Api, vmid: number, signal: AbortSignal): Promise<number> {
  const events = await api.events(0, signal);
  return events.filter((event) => event.vmid === vmid && event.type === 'session.opened').length;
}

function narrate(narrator: Narrator, guest: GuestFacts): void {
  narrator.say(
    `guest ${guest.vmid}: Ready=${guest.ready?.status ?? 'Unknown'} (${guest.ready?.message ?? 'silent'})`,
  );
  for (const { stack, service, state, health, restartPolicy } of guest.services) {
    const healthy = health === 'none' ? '' : `, ${health}`;
    narrator.say(`  ${stack}/${service}: ${state}${healthy}, restart policy ${restartPolicy}`);
  }
}
