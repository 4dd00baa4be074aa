import { type Channel, type ChannelInput, channelSchema } from '@tacet/protocol';
import { type Clock, ExclusiveRunner, type Logger } from '@tacet/runtime';
import type { KeyRing } from '@tacet/runtime/sealing';
import { Failure } from '../failure.ts';
import type { NotificationChannels } from '../store/notification-channels.ts';
import { mergedSecrets } from './channel-secrets.ts';
import type { Secrets } from './channels/secrets.ts';
import { openSecrets, sealSecrets } from './sealed-secrets.ts';

export interface Entry {
  readonly name: string;
  readonly channel: Channel;
  /** Undefined where they do not open. */
  readonly secrets: Secrets | undefined;
  readonly version: number;
  readonly changedAt: number;
}

/** What a change expects to find: this version, nothing, or (undefined) whatever is there. */
export type Expected = number | 'nothing' | undefined;

interface BookOptions {
  readonly store: NotificationChannels;
  readonly keys: KeyRing;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The channels, as the store has them; their secrets are in clear in this process alone. */
export class ChannelBook {
  readonly #options: BookOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #changes = new ExclusiveRunner();

  private constructor(options: BookOptions) {
    this.#options = options;
  }

  static async open(options: BookOptions): Promise<ChannelBook> {
    const { store, keys, log } = options;
    const book = new ChannelBook(options);
    const stored = await store.list((channel, error) =>
      log.error('a channel cannot be read, and sends nothing: put it again', { channel, error }),
    );
    for (const { sealed, ...entry } of stored) {
      const { name } = entry;
      const opened = openSecrets(keys, name, sealed);
      if (opened === undefined) {
        log.error('the secrets of a channel do not open, and it sends nothing: put it again', {
          channel: name,
        });
      } else if (!opened.isCurrent) {
        await store.reseal(name, sealSecrets(keys, name, opened.secrets));
      }
      book.#entries.set(name, { ...entry, secrets: opened?.secrets });
    }
    return book;
  }

  /** By name. */
  get entries(): Entry[] {
    return [...this.#entries.values()].toSorted((one, other) => (one.name < other.name ? -1 : 1));
  }

  get(name: string): Entry | undefined {
    return this.#entries.get(name);
  }

  /** @throws Failure `not-found` */
  require(name: string): Entry {
    const entry = this.#entries.get(name);
    if (entry !== undefined) return entry;
    throw new Failure('not-found', `no channel is called "${name}"`, {
      hint: 'tacet notifications list shows those that there are.',
    });
  }

  /** @throws Failure `invalid-input` for secrets that are missing, `conflict` for what was not expected */
  async put(name: string, input: ChannelInput, expected: Expected): Promise<Entry> {
    const { store, keys, clock } = this.#options;
    return await this.#changes.run(name, async () => {
      const before = this.#requireExpected(name, expected);
      const secrets = mergedSecrets(name, input, before);
      const entry: Entry = {
        name,
        channel: channelSchema.parse(input), // which leaves the secrets out
        secrets,
        version: (before?.version ?? 0) + 1,
        changedAt: clock.now(),
      };
      const { channel, version, changedAt } = entry;
      const sealed = sealSecrets(keys, name, secrets);
      await store.put({ name, channel, sealed, version, changedAt });
      this.#entries.set(name, entry);
      return entry;
    });
  }

  /** @throws Failure as {@link put} and {@link require} */
  async delete(name: string, expected: Expected): Promise<void> {
    await this.#changes.run(name, async () => {
      this.require(name);
      this.#requireExpected(name, expected);
      await this.#options.store.delete(name);
      this.#entries.delete(name);
    });
  }

  #requireExpected(name: string, expected: Expected): Entry | undefined {
    const entry = this.#entries.get(name);
    if (expected === undefined || expected === (entry?.version ?? 'nothing')) return entry;
    const found = entry === undefined ? 'there is none' : `it is at version ${entry.version}`;
    throw new Failure('conflict', `the channel "${name}" is not what was expected: ${found}`, {
      hint: 'Somebody else has changed it. Look at it again, then repeat your change.',
    });
  }
}
