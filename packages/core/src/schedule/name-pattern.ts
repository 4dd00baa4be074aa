/**
 * Whether a name is what the pattern says, in which `*` stands for anything and `?` for one character. Case is
 * ignored, as in host names. It takes no longer than the lengths multiplied, whatever the pattern.
 */
export function matchesNamePattern(pattern: string, name: string): boolean {
  const [wanted, given] = [pattern.toLowerCase(), name.toLowerCase()];
  let [p, n] = [0, 0];
  /** The last star, and how much of the name it has taken so far. */
  let star: { p: number; n: number } | undefined;
  while (n < given.length) {
    if (wanted[p] === '*') {
      star = { p, n };
      p++;
    } else if (p < wanted.length && (wanted[p] === '?' || wanted[p] === given[n])) {
      p++;
      n++;
    } else if (star) {
      star.n++;
      p = star.p + 1;
      n = star.n;
    } else return false;
  }
  while (wanted[p] === '*') p++;
  return p === wanted.length;
}
