import type { ServiceFailure } from '@tacet/protocol';
import { describeError } from '@tacet/runtime';
import type { Journal } from '../journal/journal.ts';
import type { ReadResult } from '../journal/document.ts';
import type { QuiesceRecord } from '../journal/schemas.ts';
import type { MethodPorts } from '../methods/method.ts';
import { thawForgotten } from './thaw-forgotten.ts';

type Owed = Extract<ReadResult<QuiesceRecord>, { kind: 'absent' | 'present' }>;

type Unreadable = ReturnType<typeof unreadable>;

/** What is held when the journal cannot be read: its word is lost, and the agent starts and thaws all the same. */
export class ForgottenHolds {
  readonly #ports: MethodPorts & { journal: Journal };
  readonly #onChange: () => void;
  #lost: string | undefined;

  constructor(options: { ports: MethodPorts & { journal: Journal }; onChange: () => void }) {
    this.#ports = options.ports;
    this.#onChange = options.onChange;
  }

  get failures(): ServiceFailure[] {
    return this.#lost === undefined ? [] : [{ stack: '', service: '', phase: 'thaw', message: this.#lost }];
  }

  /** What the journal says, or why it says nothing. */
  async readJournal(): Promise<Owed | Unreadable> {
    try {
      const read = await this.#ports.journal.readQuiesce();
      switch (read.kind) {
        case 'corrupt':
          return unreadable(`the journal could not be read, and was set aside as ${read.setAside}`);
        case 'too-new':
          return unreadable(`the journal was written by a newer agent (version ${read.version})`);
        case 'absent':
        case 'present':
          return read;
      }
    } catch (error) {
      this.#ports.logger.error('the journal cannot be read', { error });
      return unreadable(`the journal could not be read: ${describeError(error)}`);
    }
  }

  /** What is frozen shows by itself, and the manifest tells what ran. Never rejects. */
  async thaw(message: string, signal: AbortSignal): Promise<void> {
    const { journal, logger } = this.#ports;
    this.#lost = message;
    try {
      const manifest = await journal.readManifest().catch((error: unknown) => {
        logger.error('nor can the manifest', { error });
        return undefined;
      });
      await thawForgotten(this.#ports, manifest, signal);
    } catch (error) {
      logger.error('gave up looking for forgotten holds: the agent ends', { error });
      return;
    }
    this.#lost = undefined;
    this.#onChange();
  }
}

function unreadable(message: string): { kind: 'unreadable'; message: string } {
  return { kind: 'unreadable', message };
}
