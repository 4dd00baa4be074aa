/** When the next message may be made. @param made when others were, oldest first */
export function allowedAt(
  made: readonly number[],
  { messages, perMs }: { readonly messages: number; readonly perMs: number },
  now: number,
): number {
  const recent = made.filter((at) => at > now - perMs);
  const first = recent.at(-messages);
  // Those that a clock which was set back has put into the future count as of now.
  return first === undefined ? now : Math.min(first, now) + perMs;
}
