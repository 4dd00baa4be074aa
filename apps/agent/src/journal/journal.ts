import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Manifest, manifestSchema } from '@tacet/protocol';
import { type Clock, type Logger, silentLogger, systemClock } from '@tacet/runtime';
import { type ReadResult, VersionedDocument } from './document.ts';
import {
  type QuiesceRecord,
  quiesceRecordSchema,
  type RestartPolicyChange,
  restartPoliciesSchema,
} from './schemas.ts';

/**
 * What the agent must still know after it was killed, and what a backup carries of it: three documents in
 * one directory, `quiesce.json`, `manifest.json` and `restart-policies.json`.
 */
export class Journal {
  readonly #directory: string;
  readonly #quiesce: VersionedDocument<QuiesceRecord>;
  readonly #manifest: VersionedDocument<Manifest>;
  readonly #restartPolicies: VersionedDocument<{ version: 1; changes: RestartPolicyChange[] }>;

  constructor(directory: string, options: { logger?: Logger; clock?: Clock } = {}) {
    this.#directory = directory;
    const { logger = silentLogger, clock = systemClock } = options;
    const common = { version: 1, logger, now: () => clock.now() } as const;
    const at = (name: string): string => join(directory, name);
    this.#quiesce = new VersionedDocument({
      ...common,
      path: at('quiesce.json'),
      schema: quiesceRecordSchema,
    });
    this.#manifest = new VersionedDocument({ ...common, path: at('manifest.json'), schema: manifestSchema });
    this.#restartPolicies = new VersionedDocument({
      ...common,
      path: at('restart-policies.json'),
      schema: restartPoliciesSchema,
    });
  }

  async readQuiesce(): Promise<ReadResult<QuiesceRecord>> {
    return await this.#quiesce.read();
  }

  async writeQuiesce(record: QuiesceRecord): Promise<void> {
    await this.#write(this.#quiesce, record);
  }

  /** Undefined where there is none, or none that this agent can read. */
  async readManifest(): Promise<Manifest | undefined> {
    return presentValue(await this.#manifest.read());
  }

  async writeManifest(manifest: Manifest): Promise<void> {
    await this.#write(this.#manifest, manifest);
  }

  async readRestartPolicyChanges(): Promise<RestartPolicyChange[]> {
    return presentValue(await this.#restartPolicies.read())?.changes ?? [];
  }

  /** Before the change is made: what is not recorded cannot be undone. One entry per container. */
  async recordRestartPolicyChange(change: RestartPolicyChange): Promise<void> {
    const others = (await this.readRestartPolicyChanges()).filter(
      ({ containerId }) => containerId !== change.containerId,
    );
    await this.#write(this.#restartPolicies, { version: 1, changes: [...others, change] });
  }

  async #write<T extends { version: number }>(document: VersionedDocument<T>, value: T): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    await document.write(value);
  }
}

function presentValue<T>(result: ReadResult<T>): T | undefined {
  return result.kind === 'present' ? result.value : undefined;
}
