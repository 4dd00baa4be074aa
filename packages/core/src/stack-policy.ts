import type { StackPolicy } from '@tacet/protocol';

/** Later ones make more stand still. */
const byStrictness: readonly StackPolicy[] = ['none', 'flush', 'sweep', 'freeze', 'pause', 'stop'];

/** What one stack's services say about it. Where they disagree, the strictest counts, and everybody is told. */
export function policyOfStack(said: readonly StackPolicy[]): { policy: StackPolicy; disagree: boolean } {
  const policy = byStrictness.findLast((one) => said.includes(one)) ?? 'sweep';
  return { policy, disagree: new Set(said).size > 1 };
}
