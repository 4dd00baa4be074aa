import { type Regenerable, regenerableSchema } from '@tacet/protocol';
import { InvalidArgumentError } from 'commander';

export const regenerateChoices = regenerableSchema.options.join(', ');

/** `machine-id,ssh-host-keys`, or `none`. */
export function parseRegenerate(text: string): Regenerable[] {
  if (text === 'none') return [];
  return [...new Set(text.split(','))].map((word) => {
    const parsed = regenerableSchema.safeParse(word.trim());
    if (parsed.success) return parsed.data;
    throw new InvalidArgumentError(`It is none, or some of ${regenerateChoices}, with commas between them.`);
  });
}
