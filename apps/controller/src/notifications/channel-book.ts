import { type Channel, type ChannelInput, channelSchema } from '@tacet/protocol';
import type { Clock, Logger } from '@tacet/runtime';
import type { KeyRing } from '@tacet/runtime/sealing';
import type { NotificationChannels } from '../store/notification-channels.ts';
import { type Expected, VersionedEntries } from '../versioned-entries.ts';
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

interface BookOptions {
  readonly store: NotificationChannels;
  readonly keys: KeyRing;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The channels, as the store has them; their secrets are in clear in this process alone. */
export class ChannelBook {
  readonly #options: BookOptions;
  readonly #named = new VersionedEntries<Entry>({ one: 'channel', command: 'tacet notifications list' });

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
      book.#named.found(name, { ...entry, secrets: opened?.secrets });
    }
    return book;
  }

  /** By name. */
  get entries(): Entry[] {
    return this.#named.all;
  }

  get(name: string): Entry | undefined {
    return this.#named.get(name);
  }

  /** @throws Failure `not-found` */
  require(name: string): Entry {
    return this.#named.require(name);
  }

  /** @throws Failure `invalid-input` for secrets that are missing, `conflict` for what was not expected */
  async put(name: string, input: ChannelInput, expected: Expected): Promise<Entry> {
    const { store, keys, clock } = this.#options;
    return await this.#named.put(name, expected, async (version, before) => {
      const secrets = mergedSecrets(name, input, before);
      const channel = channelSchema.parse(input); // which leaves the secrets out
      const changedAt = clock.now();
      await store.put({ name, channel, sealed: sealSecrets(keys, name, secrets), version, changedAt });
      return { name, channel, secrets, version, changedAt };
    });
  }

  /** @throws Failure as {@link put} and {@link require} */
  async delete(name: string, expected: Expected): Promise<void> {
    await this.#named.delete(name, expected, () => this.#options.store.delete(name));
  }
}
