/** Too short to be told from any other word. */
const MIN_SECRET = 4;
const MAX_QUOTE = 200;

/**
 * What another side has said, in one line that can be shown: whoever refuses a token may repeat it. To be given the
 * whole of what was read: of a secret that is cut off at its end the rest is not recognised.
 */
export function withoutSecrets(said: string, secrets: readonly string[]): string {
  const forms = secrets
    .flatMap(partsOf)
    .filter((part) => part.length >= MIN_SECRET)
    .flatMap((part) => [
      part,
      encodeURIComponent(part),
      JSON.stringify(part).slice(1, -1),
      Buffer.from(part).toString('base64'),
      Buffer.from(part).toString('base64url'),
    ])
    // What holds another goes first, or a rest of it would stay.
    .toSorted((one, other) => other.length - one.length);
  const rest = forms.reduce((text, form) => text.replaceAll(form, '[redacted]'), said);
  const line = rest.replaceAll(/[\p{Cc}\s]+/gu, ' ').trim();
  return line.length > MAX_QUOTE ? `${line.slice(0, MAX_QUOTE)}…` : line;
}

/** Of an address that is a secret, whatever stands behind its host, and each word of that. */
function partsOf(secret: string): string[] {
  if (!URL.canParse(secret)) return [secret];
  const { pathname, search } = new URL(secret);
  const words = `${pathname}${search}`.split(/[/?&=#]/).filter((word) => word.length >= 8);
  return [secret, `${pathname}${search}`, pathname, ...words].filter((part) => part !== '/');
}
