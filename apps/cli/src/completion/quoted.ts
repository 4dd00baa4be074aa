/** For bash and zsh: one word, whatever is in it. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** Patterns of a `case` that match nothing but these. */
export function patterns(texts: readonly string[]): string {
  return texts.map(quoted).join('|');
}
