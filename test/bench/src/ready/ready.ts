import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Api, openLabStage } from '@tacet/demo';
import { type Guest, type Lab, stack } from '@tacet/lab';
import { systemClock } from '@tacet/runtime';
import { describeSamples, median } from '../samples.ts';
import { formatTable } from '../stall/table.ts';

const vmid = 311;
const snapshot = 'held';
const readyMs = 180_000;
const pollMs = 50;
/** Until a guest that has come back no longer writes out what its start has made. */
const settleMs = 2_000;
const wantedRatio = 1.2;

export interface ReadyOptions {
  /** Of each way. */
  repetitions: number;
}

/** `[--repetitions N]`. @throws TypeError for anything else */
export function readyOptions(argv: string[]): ReadyOptions {
  const { values } = parseArgs({
    args: argv,
    options: { repetitions: { type: 'string', default: '15' } },
  });
  const repetitions = Number(values.repetitions);
  if (!Number.isInteger(repetitions) || repetitions < 1) throw new TypeError('--repetitions wants a number');
  return { repetitions };
}

type Condition = Awaited<ReturnType<Api['guests']>>[number]['conditions'][number];

/** Milliseconds since the guest's start. */
interface Start {
  ready: number;
  /** What happened on the way, in order. */
  marks: [what: string, ms: number][];
}

interface Way {
  name: string;
  /** Of the stopped guest. */
  arrange: (guest: Guest) => Promise<void>;
  comeBack: (guest: Guest, api: Api, startedAt: number, signal: AbortSignal) => Promise<Start>;
}

/**
 * From the start of a restored guest until it is ready: by the agent, and by `docker compose up --detach --wait`,
 * typed in the same restored guest as soon as its engine answers. In turns, each from the same snapshot, which was
 * taken while everything was held.
 */
export async function ready(lab: Lab, { repetitions }: ReadyOptions, signal: AbortSignal): Promise<void> {
  await using stage = await openLabStage({
    lab,
    original: vmid,
    signal,
    onStep: (step) => console.error(step),
  });
  const { guest } = stage;
  const api = await stage.api();
  await readySince(api, 0, signal);
  await takeHeldSnapshot(guest);
  const ways: readonly Way[] = [byAgent, byHand];
  const measured = new Map<Way, Start[]>(ways.map((way) => [way, []]));
  for (let round = 0; round < repetitions; round += 1) {
    // Each round begins with the other one.
    for (const way of round % 2 === 0 ? ways : ways.toReversed()) {
      signal.throwIfAborted();
      await guest.stop(signal);
      await guest.rollback(snapshot);
      await way.arrange(guest);
      await systemClock.sleep(settleMs, signal);
      const startedAt = Date.now();
      await guest.start(signal);
      const start = await way.comeBack(guest, api, startedAt, signal);
      measured.get(way)?.push(start);
      const marks = start.marks.map(([what, ms]) => `${what} ${ms}`).join(', ');
      console.error(`${round + 1}/${repetitions} ${way.name}: ${start.ready} ms (${marks})`);
    }
  }
  print(measured);
}

const byAgent: Way = {
  name: 'Tacet',
  arrange: async () => undefined,
  async comeBack(_guest, api, startedAt, signal) {
    const condition = await readySince(api, startedAt, signal);
    // By the agent's own clock, which is the host's: when it said so, not when somebody has seen it.
    const since = (at: number) => Math.round(at - startedAt);
    const events = (await api.events(0, signal)).filter(({ at }) => at >= startedAt);
    const marks = events.flatMap(({ type, at, message }): Start['marks'] => {
      if (type === 'agent.started') return [['agent started', since(at)]];
      if (type === 'heal.started') return [['heal started', since(at)]];
      if (type === 'heal.finished') return [['heal finished', since(at)]];
      return message.startsWith('EngineReachable is True') ? [['engine answers', since(at)]] : [];
    });
    return { ready: since(condition.lastTransitionTime), marks };
  },
};

const byHand: Way = {
  name: 'docker compose up --wait',
  async arrange(guest) {
    const wants = 'etc/systemd/system/multi-user.target.wants/tacet-agent.service';
    await rm(join(guest.rootPath, wants), { force: true });
  },
  async comeBack(guest, _api, startedAt) {
    const script = [
      'until docker version >/dev/null 2>&1; do sleep 0.05; done',
      'date +%s%3N',
      `docker compose --project-directory ${stack.directory} up --detach --wait --wait-timeout 170 >/dev/null 2>&1 || exit 1`,
      'date +%s%3N',
    ].join('\n');
    const { exitCode, stdout, stderr } = await guest.exec(['sh', '-c', script], { timeoutMs: readyMs });
    if (exitCode !== 0) throw new Error(`compose did not bring the stack up: ${stderr}`);
    const [answers = Number.NaN, done = Number.NaN] = stdout.trim().split('\n').map(Number);
    return { ready: done - startedAt, marks: [['engine answers', answers - startedAt]] };
  },
};

async function takeHeldSnapshot(guest: Guest): Promise<void> {
  const tacet = async (phase: string): Promise<string> => {
    const { stdout, stderr } = await guest.exec(['tacet-agent', 'fsfreeze', phase], { timeoutMs: 120_000 });
    if (!/tacet: (held|thawed)/.test(stdout)) throw new Error(`${phase}: ${stdout}${stderr}`);
    return stdout;
  };
  await tacet('freeze');
  try {
    await guest.snapshot(snapshot);
  } finally {
    await tacet('thaw');
  }
}

/** The condition, once it has become true after that moment. */
async function readySince(api: Api, since: number, signal: AbortSignal): Promise<Condition> {
  const endsAt = Date.now() + readyMs;
  for (;;) {
    const found = (await api.guests(signal)).find((guest) => guest.vmid === vmid);
    const condition = found?.conditions.find(({ type }) => type === 'Ready');
    if (found?.connected && condition?.status === 'True' && condition.lastTransitionTime >= since)
      return condition;
    if (Date.now() > endsAt)
      throw new Error(`the guest did not become ready: ${JSON.stringify(found?.conditions)}`);
    await systemClock.sleep(pollMs, signal);
  }
}

function print(measured: ReadonlyMap<Way, readonly Start[]>): void {
  const names = [
    ...new Set([...measured.values()].flat().flatMap(({ marks }) => marks.map(([what]) => what))),
  ];
  const rows = [...measured].map(([{ name }, starts]) => [
    name,
    ...names.map((what) => {
      const values = starts.flatMap(({ marks }) => marks.find(([mark]) => mark === what)?.[1] ?? []);
      return values.length === 0 ? '–' : describeSamples(values, 0);
    }),
    describeSamples(
      starts.map((start) => start.ready),
      0,
    ),
  ]);
  console.log('\nFrom the start of a restored guest, ms: median (range)');
  console.log(formatTable(['', ...names, 'ready'], rows));
  const [ours = Number.NaN, theirs = Number.NaN] = [...measured.values()].map((starts) =>
    median(starts.map((start) => start.ready)),
  );
  console.log(`Ratio of the medians: ${(ours / theirs).toFixed(2)} (wanted: ${wantedRatio} at most)`);
}
