import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LabStage } from '@tacet/demo';
import { until } from './until.ts';

const giveUpAfterS = 120;

/**
 * A gate between the hold and the snapshot. It is a hook script of the node, because a real one can take as
 * long there: Tacet holds before it asks for the backup, and vzdump runs `pre-stop` before the snapshot.
 */
export class VzdumpGate implements AsyncDisposable {
  readonly #stage: LabStage;
  readonly #script: string;
  readonly #closed: string;
  readonly #reached: string;

  private constructor(stage: LabStage) {
    // Each has its own files: a backup that was left behind may still look at the gate before.
    const id = randomUUID();
    const at = (name: string) => join(stage.lab.scratchDirectory, `gate-${id}.${name}`);
    this.#stage = stage;
    this.#script = at('sh');
    this.#closed = at('closed');
    this.#reached = at('reached');
  }

  /** From now on the node's backups stop at the gate, until it is opened. */
  static async close(stage: LabStage): Promise<VzdumpGate> {
    const gate = new VzdumpGate(stage);
    await writeFile(gate.#closed, '');
    // vzdump gives its hooks no PATH. The loop has an end of its own, for a test that was killed.
    const script = `#!/bin/sh
[ "$1" = pre-stop ] || exit 0
: >'${gate.#reached}'
tries=0
while [ -e '${gate.#closed}' ] && [ $tries -lt ${giveUpAfterS * 10} ]; do
  /bin/sleep 0.1
  tries=$((tries + 1))
done
`;
    await writeFile(gate.#script, script, { mode: 0o755 });
    stage.node.sim.setHookScript(gate.#script);
    return gate;
  }

  async reached(): Promise<void> {
    await until('the backup waits before its snapshot', 60_000, () => existsSync(this.#reached) || undefined);
  }

  async open(): Promise<void> {
    await rm(this.#closed, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.open();
    this.#stage.node.sim.setHookScript(undefined);
  }
}
