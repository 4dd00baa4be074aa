import { join } from 'node:path';
import { type Manifest, manifestSchema } from '@tacet/protocol';
import { type Clock, type Logger, silentLogger, systemClock } from '@tacet/runtime';
import { type ReadResult, VersionedDocument } from './document.ts';
import { manifestConverters } from './manifest-versions.ts';
import { fromQuiesceV1 } from './quiesce-v1.ts';
import {
  type QuiesceRecord,
  quiesceRecordSchema,
  type RestartPolicyChange,
  restartPoliciesSchema,
} from './schemas.ts';

/**
 * What the agent must still know after it was killed, and what a backup carries of it: four documents in
 * one directory, `quiesce.json`, `manifest.json`, `standing.json` and `restart-policies.json`.
 */
export class Journal {
  readonly #quiesce: VersionedDocument<QuiesceRecord>;
  readonly #manifest: VersionedDocument<Manifest>;
  readonly #standing: VersionedDocument<Manifest>;
  #lastPolicyChange: Promise<void> = Promise.resolve();
  readonly #restartPolicies: VersionedDocument<{ version: 1; changes: RestartPolicyChange[] }>;

  constructor(directory: string, options: { logger?: Logger; clock?: Clock } = {}) {
    const { logger = silentLogger, clock = systemClock } = options;
    const common = { version: 1, logger, now: () => clock.now() } as const;
    const at = (name: string): string => join(directory, name);
    this.#quiesce = new VersionedDocument({
      ...common,
      version: 2,
      path: at('quiesce.json'),
      schema: quiesceRecordSchema,
      converters: { 1: fromQuiesceV1 },
    });
    const manifests = { version: 3, schema: manifestSchema, converters: manifestConverters } as const;
    this.#manifest = new VersionedDocument({ ...common, ...manifests, path: at('manifest.json') });
    this.#standing = new VersionedDocument({ ...common, ...manifests, path: at('standing.json') });
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
    await this.#quiesce.write(record);
  }

  /** Undefined where there is none, or none that this agent can read. */
  async readManifest(): Promise<Manifest | undefined> {
    return presentValue(await this.#manifest.read());
  }

  async writeManifest(manifest: Manifest): Promise<void> {
    await this.#manifest.write(manifest);
  }

  /** What ran when the agent last looked, between backups. */
  async readStanding(): Promise<Manifest | undefined> {
    return presentValue(await this.#standing.read());
  }

  async writeStanding(standing: Manifest): Promise<void> {
    await this.#standing.write(standing);
  }

  async readRestartPolicyChanges(): Promise<RestartPolicyChange[]> {
    return presentValue(await this.#restartPolicies.read())?.changes ?? [];
  }

  /** Before the change is made: what is not recorded cannot be undone. One entry per container. */
  async recordRestartPolicyChange(change: RestartPolicyChange): Promise<void> {
    await this.#changeRestartPolicies(change.containerId, [change]);
  }

  /** After the change was undone. */
  async forgetRestartPolicyChange(containerId: string): Promise<void> {
    await this.#changeRestartPolicies(containerId, []);
  }

  /** One after another: heal changes several at the same time, and each reads what the last one wrote. */
  async #changeRestartPolicies(containerId: string, by: readonly RestartPolicyChange[]): Promise<void> {
    const replace = async (): Promise<void> => {
      const others = (await this.readRestartPolicyChanges()).filter((one) => one.containerId !== containerId);
      await this.#restartPolicies.write({ version: 1, changes: [...others, ...by] });
    };
    const change = this.#lastPolicyChange.then(replace);
    // Its failure is its caller's alone.
    this.#lastPolicyChange = change.catch(() => undefined);
    await change;
  }
}

function presentValue<T>(result: ReadResult<T>): T | undefined {
  return result.kind === 'present' ? result.value : undefined;
}
