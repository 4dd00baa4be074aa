import { join } from 'node:path';
import { vmidSchema } from '@tacet/protocol';
import { type Clock, ExclusiveRunner, type Logger, TacetError } from '@tacet/runtime';
import { z } from 'zod';
import { VersionedDocument } from '../journal/document.ts';

/** Which controller this guest belongs to, and what it shows there. Copied by a backup, like everything. */
export const identitySchema = z.object({
  version: z.literal(1),
  controllerUrl: z.url({ protocol: /^https$/ }),
  fingerprint: z.string().regex(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/),
  credential: z.string().min(1),
  vmid: vmidSchema,
  /** What this copy still has to make anew, so as not to share it with its original. */
  regenerate: z.array(z.string()).optional(),
});
export type Identity = z.infer<typeof identitySchema>;

/** `identity.json`, readable by its owner only. */
export class IdentityStore {
  readonly path: string;
  readonly #document: VersionedDocument<Identity>;
  readonly #turns = new ExclusiveRunner();
  #unsaved: Identity | undefined;

  constructor(stateDir: string, { log, clock }: { log: Logger; clock: Clock }) {
    this.path = join(stateDir, 'identity.json');
    this.#document = new VersionedDocument({
      path: this.path,
      schema: identitySchema,
      version: 1,
      logger: log,
      now: () => clock.now(),
    });
  }

  /** @returns null before the enrolment. @throws TacetError for a file that this agent cannot use. */
  async load(): Promise<Identity | null> {
    if (this.#unsaved !== undefined) return this.#unsaved;
    const read = await this.#document.read();
    switch (read.kind) {
      case 'absent':
        return null;
      case 'present':
        return read.value;
      case 'corrupt':
        throw unusable(`${this.path} was damaged, and is set aside as ${read.setAside}`, 'invalid-input');
      case 'too-new':
        throw unusable(`${this.path} is of version ${read.version}`, 'unsupported-version');
    }
  }

  /** The new identity counts from now on, even where it cannot be written (a full disk). */
  async save(identity: Identity): Promise<void> {
    await this.#turns.run('identity', () => this.#write(identity));
  }

  /** Takes one thing off the list of what is to be made anew, whatever else has changed meanwhile. */
  async strike(thing: string): Promise<void> {
    await this.#turns.run('identity', async () => {
      const identity = await this.load();
      if (identity?.regenerate === undefined) return;
      const left = identity.regenerate.filter((other) => other !== thing);
      await this.#write({ ...identity, regenerate: left });
    });
  }

  async #write(identity: Identity): Promise<void> {
    this.#unsaved = identity;
    await this.#document.write(identity);
    this.#unsaved = undefined;
  }
}

function unusable(message: string, code: string): TacetError {
  return new TacetError(message, { code, hint: 'Enrol this guest again: tacet-agent enroll <token>' });
}
