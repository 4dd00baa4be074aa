import { type Clock, orAborted, silentLogger, systemClock, TacetError } from '@tacet/runtime';
import type { ExecSession } from '../engine/engine.ts';
import type { MemoryEngine } from '../engine/memory-engine.ts';
import { MemoryProcesses } from '../guest/memory-guest-host.ts';
import type { MethodPorts, MethodTarget } from './method.ts';

/** What a method works with in tests. */
export function portsOf(
  engine: MemoryEngine,
  clock: Clock = systemClock,
): MethodPorts & { processes: MemoryProcesses } {
  return { engine, freezer: engine.freezer, processes: new MemoryProcesses(), clock, logger: silentLogger };
}

/** @param name `stack/service`, or the container's name */
export async function targetOf(engine: MemoryEngine, name: string): Promise<MethodTarget> {
  const id = engine.idOf(name);
  const containers = await engine.containers(new AbortController().signal);
  const container = containers.find((one) => one.id === id);
  if (!container) throw new Error(`no container ${name}`);
  const [stack = '', service = ''] = name.split('/');
  return { stack, service, container, cgroup: await engine.freezer.cgroupOf(container.pid) };
}

/** A client that answers every line as the test says, and remembers what it was asked. */
export class ScriptedSession implements ExecSession {
  readonly asked: string[] = [];
  isOpen = true;
  readonly #answer: (line: string) => readonly string[] | Promise<readonly string[]>;

  constructor(answer: (line: string) => readonly string[] | Promise<readonly string[]>) {
    this.#answer = answer;
  }

  async ask(text: string, isLast: (line: string) => boolean, signal: AbortSignal): Promise<string[]> {
    const lines: string[] = [];
    for (const question of text.split('\n')) {
      if (!this.isOpen) throw new TacetError('the client has ended', { code: 'engine-unreachable' });
      this.asked.push(question);
      for (const line of await orAborted(Promise.resolve(this.#answer(question)), signal)) {
        lines.push(line);
        if (isLast(line)) return lines;
      }
    }
    throw new Error(`the script gives no last line to: ${text}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isOpen = false;
  }
}
