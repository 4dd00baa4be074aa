/** By code units: the rules of a language would load its tables, some megabytes, for names that no person reads in order. */
export function inOrder(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
