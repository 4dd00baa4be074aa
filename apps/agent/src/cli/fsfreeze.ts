import { describeError, TacetError } from '@tacet/runtime';
import { z } from 'zod';
import { askAgent } from '../control/ask-agent.ts';
import { filesystemThawSchema } from '../quiesce/filesystem-freeze.ts';
import type { Command } from './command.ts';

/** A preparation, a hold, and a margin: the guest agent's caller waits for no longer either. */
const freezeMs = 90_000;
const thawMs = 60_000;

const heldSchema = z.object({ services: z.number() });

/**
 * For `/etc/qemu/fsfreeze-hook.d` of a virtual machine. Ends with 0 whatever happens: a hook that fails would keep the
 * filesystems from being frozen, and the backup would be worse than without it. What happened is in the output.
 */
export const fsfreeze: Command = async ({ args: [phase] }) => {
  if (phase !== 'freeze' && phase !== 'thaw') {
    throw new TacetError(`not a phase of a freeze: ${phase}`, {
      code: 'invalid-input',
      hint: 'tacet-agent fsfreeze freeze|thaw, as qemu-guest-agent calls its hook',
    });
  }
  process.stdout.write(`tacet: ${await (phase === 'freeze' ? freeze() : thaw())}\n`);
  return 0;
};

async function freeze(): Promise<string> {
  const startedMs = performance.now();
  try {
    const asked = await askAgent('freeze', AbortSignal.timeout(freezeMs));
    if (asked === undefined) return 'no agent runs in this guest: nothing is held';
    const { services } = heldSchema.parse(asked.answer);
    return `held ${services} services after ${Math.round(performance.now() - startedMs)} ms`;
  } catch (error) {
    return `not held: ${describeError(error)}`;
  }
}

async function thaw(): Promise<string> {
  try {
    const asked = await askAgent('thaw', AbortSignal.timeout(thawMs));
    if (asked === undefined) return 'no agent runs in this guest: nothing was held';
    const { services, message } = filesystemThawSchema.parse(asked.answer);
    return `thawed ${services} services: ${message}`;
  } catch (error) {
    return `not thawed: ${describeError(error)}`;
  }
}
