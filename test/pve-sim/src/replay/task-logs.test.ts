import { rmSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { recordedHookCalls, type TaskLog, taskLogs } from './fixtures.ts';
import { type HookCall, HookFixture } from './hook-fixture.ts';
import { normaliseLog, normaliseText } from './normalise.ts';
import { RawClient } from './raw-client.ts';
import { startRecordedNode } from './recorded-node.ts';
import { LOGS_NOT_COVERED, recordingHook, scenarioOf } from './scenarios.ts';

const recorded = taskLogs();
const hookCalls = new Map(recordedHookCalls().map(({ scenario, calls }) => [scenario, calls]));
const replayed = recorded.filter(({ scenario }) => !(scenario in LOGS_NOT_COVERED));

describe('writes the task logs that Proxmox VE 9.2 writes', () => {
  it('has the recordings to compare with', () => {
    expect(recorded.length).toBeGreaterThanOrEqual(134);
    expect(replayed.length).toBeGreaterThanOrEqual(120);
    expect(hookCalls.size).toBeGreaterThanOrEqual(30);
    expect(
      Object.keys(LOGS_NOT_COVERED).filter((name) => !recorded.some(({ scenario }) => scenario === name)),
    ).toEqual([]);
    expect(
      [...hookCalls.keys()].filter((name) => !replayed.some(({ scenario }) => scenario === name)),
    ).toEqual([]);
  });

  for (const log of replayed) {
    it(`of ${log.scenario}`, async () => {
      const { exitstatus, lines, calls } = await replay(log);
      expect(lines.join('\n')).toBe(normaliseLog(log.log).join('\n'));
      expect(exitstatus).toBe(normaliseText(log.exitstatus));
      expect(comparable(calls)).toEqual(comparable(hookCalls.get(log.scenario) ?? calls));
    });
  }
});

interface Replayed {
  readonly exitstatus: string;
  readonly lines: readonly string[];
  readonly calls: readonly HookCall[];
}

async function replay(log: TaskLog): Promise<Replayed> {
  const scenario = scenarioOf(log);
  using hook = new HookFixture();
  await using node = await startRecordedNode({
    ...scenario.options,
    content: (vmid) => ({
      capture: () => undefined,
      freeze: () => writeFileSync(hook.frozenMark(vmid), ''),
      thaw: () => rmSync(hook.frozenMark(vmid)),
    }),
  });
  await using client = new RawClient(node.sim);
  const stage = { ...node, client, hook };
  await scenario.before?.(stage);
  const fail = recordingHook(log);
  if (fail !== undefined) {
    hook.writeRecorder(node.sim, fail);
    node.sim.setHookScript(hook.script);
  }
  const started = await client.send(scenario.request);
  await scenario.during?.(stage, started);
  const { exitstatus, log: lines } = await client.finish(started);
  return {
    exitstatus: normaliseText(exitstatus).replaceAll(hook.script, script(log.exitstatus)),
    lines: normaliseLog(lines, hook.script),
    calls: hook.calls(),
  };
}

/** The recorded script's path, where a message quotes it. */
function script(text: string): string {
  return /\/usr\/local\/bin\/\w+\.sh/.exec(text)?.[0] ?? 'SCRIPT';
}

function comparable(calls: readonly HookCall[]): unknown {
  return calls.map(({ env, ...rest }) => ({
    ...rest,
    env: Object.fromEntries(
      Object.entries(env)
        .map(([key, value]) => [key, normaliseText(value)] as const)
        .toSorted(([a], [b]) => (a < b ? -1 : 1)),
    ),
  }));
}
