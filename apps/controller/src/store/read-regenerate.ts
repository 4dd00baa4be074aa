import { type Regenerable, regenerablesSchema } from '@tacet/protocol';

export function readRegenerate(column: string | null): readonly Regenerable[] {
  return column === null ? [] : regenerablesSchema.parse(JSON.parse(column));
}
