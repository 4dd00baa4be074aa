import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Evidence } from './evidence.ts';

const apps = join(import.meta.dirname, '..', '..', '..', '..', 'apps');
export const controllerMain = join(apps, 'controller', 'src', 'main.ts');
export const cliMain = join(apps, 'cli', 'src', 'main.ts');
export const agentMain = join(apps, 'agent', 'src', 'main.ts');

const SAMPLE_MS = 100;

/** Looks, again and again, at what everybody on the machine can see of this process and all that it has started. */
export class ProcessWatch implements Disposable {
  readonly #evidence: Evidence;
  readonly #timer: NodeJS.Timeout;
  readonly #seen = new Set<string>();

  constructor(evidence: Evidence) {
    this.#evidence = evidence;
    this.#timer = setInterval(() => this.look(), SAMPLE_MS);
  }

  /** How many different command lines and environments were seen. */
  get seen(): number {
    return this.#seen.size;
  }

  look(): void {
    for (const pid of family()) {
      for (const what of ['cmdline', 'environ']) {
        const content = readIfThere(`/proc/${pid}/${what}`);
        if (content === undefined || content.length === 0) continue;
        const key = `${pid} ${what} ${content.toString('latin1')}`;
        if (this.#seen.has(key)) continue;
        this.#seen.add(key);
        this.#evidence.add(`proc ${what}`, Buffer.concat([content, Buffer.from('\n')]));
      }
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** This process and its descendants. */
function family(): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    // `PID (COMM) STATE PPID …`; COMM may hold anything.
    const stat = readIfThere(`/proc/${name}/stat`)?.toString('latin1') ?? '';
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const all = [process.pid];
  for (const pid of all) all.push(...(children.get(pid) ?? []));
  return all;
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined; // it has ended
  }
}

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs one of our programs to its end. */
export async function runProgram(
  main: string,
  args: readonly string[],
  { input = '', env = {} }: { input?: string; env?: Record<string, string> } = {},
): Promise<Ran> {
  const child = startProgram(main, args, env);
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  child.stdin.end(input);
  await once(child, 'close');
  return { code: child.exitCode, out, err };
}

export function startProgram(
  main: string,
  args: readonly string[],
  env: Record<string, string> = {},
): ChildProcessWithoutNullStreams {
  const argv = ['--disable-warning=ExperimentalWarning', main, ...args];
  return spawn(process.execPath, argv, { env: { ...process.env, ...env }, stdio: 'pipe' });
}
