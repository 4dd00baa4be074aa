/** A secret that must not be found, and how it might look where it is. */
export interface Needle {
  readonly name: string;
  readonly forms: readonly Buffer[];
  /** Where it is by right: the start of a place's name. */
  readonly allowed: readonly string[];
}

/** Half of a random secret is still none of anybody's business: something that cuts texts off must not help. */
const HALVES_FROM = 24;

export function needle(name: string, secret: string, allowed: readonly string[] = []): Needle {
  if (secret.length < 8) throw new Error(`${name} is too short to be looked for`);
  const half = Math.ceil(secret.length / 2);
  const parts = secret.length < HALVES_FROM ? [secret] : [secret.slice(0, half), secret.slice(-half)];
  const texts = parts.flatMap((part) => [
    part,
    encodeURIComponent(part),
    JSON.stringify(part).slice(1, -1),
    Buffer.from(part).toString('hex'),
    ...base64Forms(part),
  ]);
  return { name, allowed, forms: [...new Set(texts)].map((text) => Buffer.from(text)) };
}

/** Wherever it begins in a longer text; without the characters that its neighbours take part in. */
function base64Forms(text: string): string[] {
  return [0, 1, 2].flatMap((offset) => {
    const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(text)]);
    const whole = Math.floor(bytes.length / 3) * 4;
    const from = offset === 0 ? 0 : offset + 1;
    return (['base64', 'base64url'] as const).map((encoding) => bytes.toString(encoding).slice(from, whole));
  });
}
