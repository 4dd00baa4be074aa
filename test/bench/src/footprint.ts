import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { openLabStage } from '@tacet/demo';
import type { Guest, Lab } from '@tacet/lab';
import { systemClock } from '@tacet/runtime';
import { describeSamples } from './samples.ts';

const bundle = join(import.meta.dirname, '..', '..', '..', 'apps', 'agent', 'dist', 'tacet-agent.cjs');
const settleMs = 20_000;
const sampleEveryMs = 2_000;
const samples = 10;

interface Memory {
  residentKb: number;
  proportionalKb: number;
  privateKb: number;
}

/** Bundle size, and memory of the idle agent beside a bare `node` in the same guest at the same time. */
export async function footprint(lab: Lab, signal: AbortSignal): Promise<void> {
  await using stage = await openLabStage({ lab, original: 111, copy: 211, signal });
  const { guest } = stage;
  const bare = await startBareNode(guest);
  const agent = await pidOfAgent(guest);
  await systemClock.sleep(settleMs, signal);
  const cpuBefore = await cpuMs(guest, agent);
  const measured: Record<'agent' | 'bare', Memory[]> = { agent: [], bare: [] };
  for (let taken = 0; taken < samples; taken += 1) {
    measured.bare.push(await memoryOf(guest, bare));
    measured.agent.push(await memoryOf(guest, agent));
    await systemClock.sleep(sampleEveryMs, signal);
  }
  const idleMs = samples * sampleEveryMs;
  const cpuPercent = (((await cpuMs(guest, agent)) - cpuBefore) / idleMs) * 100;

  console.log(`bundle: ${((await stat(bundle)).size / 1000).toFixed(0)} kB in one file`);
  console.log(`${samples} samples over ${idleMs / 1000} s, median (lowest–highest), in MiB:`);
  for (const kind of ['residentKb', 'proportionalKb', 'privateKb'] as const) {
    const bareMib = measured.bare.map((memory) => memory[kind] / 1024);
    const agentMib = measured.agent.map((memory) => memory[kind] / 1024);
    const ratio = describeSamples(
      agentMib.map((value, index) => value / (bareMib[index] ?? value)),
      2,
    );
    console.log(
      `  ${kind.replace('Kb', '').padEnd(12)}  agent ${describeSamples(agentMib)}  bare node ${describeSamples(bareMib)}  ratio ${ratio}`,
    );
  }
  console.log(`agent's CPU while idle, four services watched: ${cpuPercent.toFixed(2)} %`);
}

async function startBareNode(guest: Guest): Promise<string> {
  const script = 'setInterval(() => {}, 1e6)';
  await output(guest, ['systemd-run', '--quiet', '--unit=bare-node', '/usr/bin/node', '-e', script]);
  return await output(guest, ['systemctl', 'show', '--property=MainPID', '--value', 'bare-node']);
}

function pidOfAgent(guest: Guest): Promise<string> {
  return output(guest, ['systemctl', 'show', '--property=MainPID', '--value', 'tacet-agent']);
}

async function memoryOf(guest: Guest, pid: string): Promise<Memory> {
  const rollup = await output(guest, ['cat', `/proc/${pid}/smaps_rollup`]);
  const kb = (name: string): number => {
    const value = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1];
    if (value === undefined) throw new Error(`smaps_rollup of process ${pid} has no ${name}`);
    return Number(value);
  };
  return {
    residentKb: kb('Rss'),
    proportionalKb: kb('Pss'),
    privateKb: kb('Private_Clean') + kb('Private_Dirty'),
  };
}

/** User and system time of the process so far; the kernel counts in hundredths of a second. */
async function cpuMs(guest: Guest, pid: string): Promise<number> {
  const fields = (await output(guest, ['cat', `/proc/${pid}/stat`])).split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function output(guest: Guest, argv: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await guest.exec(argv);
  if (exitCode !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`);
  return stdout.trim();
}
