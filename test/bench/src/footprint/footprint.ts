import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openLabStage } from '@tacet/demo';
import type { Guest, Lab } from '@tacet/lab';
import { systemClock } from '@tacet/runtime';
import { describeSamples } from '../samples.ts';
import { formatTable } from '../stall/table.ts';
import { rehearse, restart, startAs, type Variant } from './agent-service.ts';
import { bareNode, qemuGuestAgent, startBareNode, startQemuGuestAgent } from './beside.ts';
import { type Footprint, output, Watched } from './processes.ts';
import { variants } from './variants.ts';

const bundle = join(import.meta.dirname, '..', '..', '..', '..', 'apps', 'agent', 'dist', 'tacet-agent.cjs');
const agent = 'tacet-agent';

/** How often, and for how long. V8 gives memory back when nothing was done for some 8 s, so it has to settle. */
interface Pace {
  starts: number;
  settleMs: number;
  looks: number;
  everyMs: number;
  rehearsals: number;
}
const thorough: Pace = { starts: 10, settleMs: 30_000, looks: 10, everyMs: 12_000, rehearsals: 0 };
const quick: Pace = { starts: 5, settleMs: 30_000, looks: 3, everyMs: 3_000, rehearsals: 5 };

/** `[--variants]`: the ways in which the agent could be started, instead of the one in which it is. */
export function footprintOptions(argv: string[]): { withVariants: boolean } {
  const { values } = parseArgs({ args: argv, options: { variants: { type: 'boolean', default: false } } });
  return { withVariants: values.variants };
}

interface Measured {
  startMs: number[];
  heldMs: number[];
  /** By unit, what each look saw. */
  looks: ReadonlyMap<string, Footprint[]>;
}

/** What the idle agent costs a guest with four services, beside a bare `node` there at the same time. */
export async function footprint(
  lab: Lab,
  { withVariants }: { withVariants: boolean },
  signal: AbortSignal,
): Promise<void> {
  await using stage = await openLabStage({ lab, original: 111, copy: 211, signal });
  const { guest } = stage;
  await startBareNode(guest);
  const noQemu = await startQemuGuestAgent(guest);
  const units = [agent, bareNode, ...(noQemu === undefined ? [qemuGuestAgent] : [])];
  const node = await output(guest, ['/usr/bin/node', '--version']);
  const { size } = await stat(bundle);
  console.log(`node ${node}; the agent is one file of ${(size / 1000).toFixed(0)} kB`);
  if (withVariants) return await compareVariants(guest, units, signal);

  const measured = await measure(guest, undefined, units, thorough, signal);
  const names = new Map([
    [agent, 'agent'],
    [bareNode, 'bare node'],
    [qemuGuestAgent, 'qemu-guest-agent'],
  ]);
  const rows = units.map((unit) => [names.get(unit) ?? unit, ...columnsOf(measured.looks.get(unit) ?? [])]);
  const overS = (thorough.looks * thorough.everyMs) / 1000;
  console.log(`${thorough.looks} looks over ${overS} s, four services watched; median (lowest–highest):`);
  console.log(formatTable(['', ...footprintColumns], rows));
  console.log(`PSS of the agent by that of bare node: ${ratio(measured.looks)}`);
  console.log(`from start to session, ${thorough.starts} times: ${describeSamples(measured.startMs, 0)} ms`);
  if (noQemu !== undefined) console.log(`qemu-guest-agent: not measured, ${noQemu}`);
}

async function compareVariants(guest: Guest, units: readonly string[], signal: AbortSignal): Promise<void> {
  const rows: string[][] = [];
  for (const variant of variants) {
    const measured = await measure(guest, variant, units, quick, signal);
    const [proportional = '', , own = ''] = columnsOf(measured.looks.get(agent) ?? []);
    const row = [variant.name, proportional, own, ratio(measured.looks)];
    rows.push([...row, describeSamples(measured.startMs, 0), describeSamples(measured.heldMs, 0)]);
    console.error(rows.at(-1)?.join(' | '));
  }
  console.log(formatTable(['', 'PSS, MiB', 'private', 'to bare node', 'start, ms', 'hold, ms'], rows));
}

async function measure(
  guest: Guest,
  variant: Variant | undefined,
  units: readonly string[],
  { starts, settleMs, looks, everyMs, rehearsals }: Pace,
  signal: AbortSignal,
): Promise<Measured> {
  await startAs(guest, variant);
  const startMs: number[] = [];
  for (let start = 0; start < starts; start += 1) startMs.push(await restart(guest, signal));
  await systemClock.sleep(settleMs, signal);
  const watched = new Watched(guest, units);
  await watched.look();
  const seen = new Map<string, Footprint[]>(units.map((unit) => [unit, []]));
  for (let look = 0; look < looks; look += 1) {
    await systemClock.sleep(everyMs, signal);
    const footprints = await watched.look();
    for (const [index, unit] of units.entries()) seen.get(unit)?.push(...footprints.slice(index, index + 1));
  }
  const heldMs: number[] = [];
  for (let time = 0; time < rehearsals; time += 1) heldMs.push(await rehearse(guest));
  return { startMs, heldMs, looks: seen };
}

const footprintColumns = ['PSS, MiB', 'RSS, MiB', 'private, MiB', 'CPU, %', 'wake-ups/s'];

function columnsOf(looks: readonly Footprint[]): string[] {
  return [
    describeSamples(looks.map(({ proportional }) => proportional)),
    describeSamples(looks.map(({ resident }) => resident)),
    describeSamples(looks.map((look) => look.private)),
    describeSamples(
      looks.map(({ cpuPercent }) => cpuPercent),
      3,
    ),
    describeSamples(looks.map(({ wakeups }) => wakeups)),
  ];
}

function ratio(looks: ReadonlyMap<string, readonly Footprint[]>): string {
  const bare = looks.get(bareNode) ?? [];
  const ratios = (looks.get(agent) ?? []).map(
    ({ proportional }, index) => proportional / (bare[index]?.proportional ?? Number.NaN),
  );
  return describeSamples(ratios, 2);
}
