import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ControllerConfigInput } from '@tacet/controller';
import { systemClock, withDeadline } from '@tacet/runtime';

const main = join(import.meta.dirname, '..', '..', '..', '..', 'apps', 'controller', 'src', 'main.ts');
const startDeadlineMs = 60_000;
const pollMs = 50;

/** The controller as its own process, so that it can be killed as processes are killed. */
export class ControllerProcess implements AsyncDisposable {
  /** What `tacet --controller FILE` reads; written by the controller once it listens. */
  readonly controllerFile: string;
  readonly logFile: string;
  readonly #configFile: string;
  #child: ChildProcess | undefined;

  private constructor(directory: string, stateDir: string) {
    this.controllerFile = join(stateDir, 'cli.json');
    this.logFile = join(directory, 'controller.log');
    this.#configFile = join(directory, 'controller.json');
  }

  static async start(
    directory: string,
    config: ControllerConfigInput,
    signal: AbortSignal,
  ): Promise<ControllerProcess> {
    await mkdir(config.stateDir, { recursive: true, mode: 0o700 });
    const controller = new ControllerProcess(directory, config.stateDir);
    await writeFile(controller.#configFile, JSON.stringify(config, null, 2));
    try {
      await controller.start(signal);
    } catch (error) {
      await controller[Symbol.asyncDispose]();
      throw error;
    }
    return controller;
  }

  /** Also starts it again after {@link kill}, on the same state. */
  async start(signal: AbortSignal): Promise<void> {
    const startedAt = Date.now();
    const argv = ['--disable-warning=ExperimentalWarning', main, '--config', this.#configFile];
    await using log = await open(this.logFile, 'a');
    const child = spawn(process.execPath, argv, { stdio: ['ignore', log.fd, log.fd] });
    this.#child = child;
    using deadline = withDeadline(signal, startDeadlineMs, 'the start of the controller');
    // It writes the file anew each time it listens.
    while (!(await isNewerThan(this.controllerFile, startedAt))) {
      if (child.exitCode !== null) throw new Error(`the controller ended: ${await this.#lastWords()}`);
      await systemClock.sleep(pollMs, deadline.signal);
    }
  }

  /** The newest link that it has printed; undefined where it has an account already. */
  async setupUrl(): Promise<string | undefined> {
    return (await readFile(this.logFile, 'utf8')).match(/https:\S+\/setup#token=\S+/g)?.at(-1);
  }

  /** As the kernel kills it when memory is short: no goodbye. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** The log itself may be gone by the time somebody would look. */
  async #lastWords(): Promise<string> {
    const log = await readFile(this.logFile, 'utf8');
    return log.trimEnd().split('\n').slice(-2).join('; ');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }
}

async function isNewerThan(file: string, time: number): Promise<boolean> {
  try {
    return (await stat(file)).mtimeMs >= time;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
}
