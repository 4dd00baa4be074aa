import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, Undo } from '@tacet/runtime';
import { type ControllerConfigInput, parseConfig } from '../config.ts';
import { type Controller, startController } from '../controller.ts';

/** A controller without nodes, on a port of its own, in a directory that can be opened again. */
export class TestHouse implements AsyncDisposable {
  readonly directory: string;
  readonly #undo = new Undo();

  private constructor(directory: string) {
    this.directory = directory;
    this.#undo.defer(() => rm(directory, { recursive: true }));
  }

  static async create(): Promise<TestHouse> {
    return new TestHouse(await mkdtemp(join(tmpdir(), 'tacet-house-')));
  }

  async open(overrides: Partial<ControllerConfigInput> = {}): Promise<Controller> {
    const config = parseConfig({
      listen: { address: '127.0.0.1', port: 0 },
      stateDir: join(this.directory, 'state'),
      nodes: [],
      ...overrides,
    });
    const controller = await startController({ config, log: silentLogger });
    this.#undo.defer(() => controller[Symbol.asyncDispose]());
    return controller;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#undo[Symbol.asyncDispose]();
  }
}
