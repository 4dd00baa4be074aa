import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Undo } from '@tacet/runtime';
import { z } from 'zod';

export interface Answered {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A program of a machine that is not there: what it does is done in the test's process. */
export type StandIn = (words: readonly string[]) => Promise<string>;

const asker = join(import.meta.dirname, 'ask-stand-in.ts');

/** Writes one program for each name into `directory`. What a stand-in throws is its error and its exit code 1. */
export async function startStandIns(
  undo: Undo,
  directory: string,
  standIns: Readonly<Record<string, StandIn>>,
): Promise<void> {
  await mkdir(directory, { recursive: true });
  const socket = join(directory, 'socket');
  const server = createServer((incoming, outgoing) => {
    const respond = async (): Promise<void> => {
      const [name = '', ...words] = z.array(z.string()).parse(JSON.parse(await text(incoming)));
      outgoing.end(JSON.stringify(await answer(standIns[name], words)));
    };
    respond().catch((error: unknown) =>
      outgoing.destroy(error instanceof Error ? error : new Error(String(error))),
    );
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  undo.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  for (const name of Object.keys(standIns)) {
    const command = [process.execPath, '--disable-warning=ExperimentalWarning', asker, socket, name];
    await writeProgram(directory, name, `exec ${command.map((word) => `'${word}'`).join(' ')} "$@"`);
  }
}

export async function writeProgram(directory: string, name: string, line: string): Promise<void> {
  const file = join(directory, name);
  await writeFile(file, `#!/bin/sh\n${line}\n`);
  await chmod(file, 0o755);
}

async function answer(standIn: StandIn | undefined, words: readonly string[]): Promise<Answered> {
  try {
    if (standIn === undefined) throw new Error('nobody stands in for this');
    return { code: 0, out: await standIn(words), err: '' };
  } catch (error) {
    return { code: 1, out: '', err: `${error instanceof Error ? error.message : String(error)}\n` };
  }
}
