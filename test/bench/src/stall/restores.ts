import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { LabStage } from '@tacet/demo';
import {
  checkEngines,
  checkFiles,
  findMissingWrites,
  type Guest,
  type Lab,
  startDatabases,
  streamsOf,
  type WriteStream,
} from '@tacet/lab';
import { describeSamples } from '../samples.ts';
import type { Measurement } from './measure.ts';
import { formatTable } from './table.ts';

const copyVmid = 302;
const engineMs = 120_000;

interface Restored {
  strategy: string;
  stream: WriteStream;
  missing: number;
  acknowledged: number;
  redoKb: number | undefined;
  acceptMs: number | undefined;
  /** Of the files as they were, before any server touched them, and of the server that runs on them. */
  findings: string[];
}

/** Restores every snapshot and looks at what came back; printed side by side, strategy by strategy. */
export async function compareRestores(
  lab: Lab,
  stage: LabStage,
  measured: readonly Measurement[],
  signal: AbortSignal,
): Promise<void> {
  const restored: Restored[] = [];
  // Its writers would be what the copies' databases wait for.
  await stage.guest.freeze();
  try {
    for (const one of measured) {
      signal.throwIfAborted();
      restored.push(...(await restore(lab, stage, one, signal)));
      console.error(`restored ${one.snapshot} (${one.strategy})`);
    }
  } finally {
    await stage.guest.unfreeze();
  }
  const names = [...new Set(measured.map(({ strategy }) => strategy))];
  const rows = streamsOf('engines').flatMap(([stream]) =>
    names.map((name, index) => {
      const those = restored.filter((one) => one.stream === stream && one.strategy === name);
      return [index === 0 ? stream : '', name, ...summarise(those)];
    }),
  );
  const header = ['', 'strategy', 'writes missing', 'redo, kB', 'accepts after, ms', 'copies with findings'];
  console.log(`\nAfter a restore of each snapshot: median (range)\n${formatTable(header, rows)}`);
  for (const [finding, count] of countFindings(restored)) console.log(`${count} × ${finding}`);
}

async function restore(
  lab: Lab,
  stage: LabStage,
  { strategy, snapshot, before }: Measurement,
  signal: AbortSignal,
): Promise<Restored[]> {
  const source = { vmid: stage.original, name: snapshot };
  const copy = await lab.restoreGuest({ vmid: copyVmid, snapshot: source, unique: true, signal });
  try {
    await withoutAgent(copy);
    const files = await checkFiles(copy);
    await copy.start(signal);
    await copy.waitForEngine(AbortSignal.any([signal, AbortSignal.timeout(engineMs)]));
    await startDatabases(copy, signal, 'engines');
    const options = { before, guestAddress: stage.guest.address(), stack: 'engines' } as const;
    const missing = await findMissingWrites(copy, stage.collector, options);
    const checks = await checkEngines(copy);
    return checks.map(({ stream, findings, redoBytes, acceptMs }) => {
      const found = missing.find((one) => one.stream === stream);
      const file = files.find((one) => one.stream === stream);
      const fileFindings = file === undefined || file.state === 'clean' ? [] : [`its file is ${file.state}`];
      return {
        strategy,
        stream,
        missing: found?.missing.length ?? Number.NaN,
        acknowledged: found?.acknowledged ?? Number.NaN,
        redoKb: redoBytes === undefined ? undefined : redoBytes / 1024,
        acceptMs,
        findings: [...fileFindings, ...findings],
      };
    });
  } finally {
    await copy.destroy();
  }
}

/** It would heal the copy, and start its writers, in the middle of the look. */
async function withoutAgent(copy: Guest): Promise<void> {
  const wants = 'etc/systemd/system/multi-user.target.wants/tacet-agent.service';
  await rm(join(copy.rootPath, wants), { force: true });
}

function summarise(those: readonly Restored[]): string[] {
  return [
    describeKnown(those.map(({ missing }) => missing)),
    describeKnown(those.map(({ redoKb }) => redoKb)),
    describeKnown(those.map(({ acceptMs }) => acceptMs)),
    `${those.filter(({ findings }) => findings.length > 0).length} of ${those.length}`,
  ];
}

function describeKnown(values: readonly (number | undefined)[]): string {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? '–' : describeSamples(known, 0);
}

function countFindings(restored: readonly Restored[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { strategy, stream, findings } of restored) {
    const kinds = new Set(findings.map((text) => text.replaceAll(/\d+/g, 'n').slice(0, 120)));
    for (const kind of kinds) {
      const key = `${strategy}, ${stream}: ${kind}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  return counts;
}
