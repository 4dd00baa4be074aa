import { describe, expect, it } from 'vitest';
import { isSealed, KeyRing } from './key-ring.ts';

const SECRET = '0b5c3f0e-8f7e-4a52-9d53-6a2c1f1d8f77';

/** The same text with one character of its ciphertext changed. */
function changed(sealed: string): string {
  const at = sealed.length - 3;
  return `${sealed.slice(0, at)}${sealed[at] === 'A' ? 'B' : 'A'}${sealed.slice(at + 1)}`;
}

describe('a sealed secret', () => {
  const keys = KeyRing.create();
  const sealed = keys.seal('token a', SECRET);

  it('opens with its key, also from a file', () => {
    expect(isSealed(sealed)).toBe(true);
    expect(isSealed(SECRET)).toBe(false);
    expect(sealed).not.toContain(SECRET);
    const opened = { kind: 'opened', text: SECRET, isCurrent: true };
    expect(keys.unseal('token a', sealed)).toEqual(opened);
    expect(KeyRing.parse(keys.toText()).unseal('token a', `${sealed}\n`)).toEqual(opened);
  });

  it('looks different each time', () => {
    expect(keys.seal('token a', SECRET)).not.toBe(sealed);
  });

  it('opens for nothing else than it was sealed for', () => {
    expect(keys.unseal('token b', sealed)).toEqual({ kind: 'damaged' });
  });

  it.each([
    ['changed', changed],
    ['cut off', (text: string) => text.slice(0, -4)],
    ['cut off within its head', (text: string) => text.slice(0, 30)],
    ['longer', (text: string) => `${text}AAAA`],
    ['of a later version', (text: string) => text.replace('sealed-1', 'sealed-2')],
  ])('that is %s does not open', (_, damage) => {
    expect(keys.unseal('token a', damage(sealed))).toEqual({ kind: 'damaged' });
  });

  it('names the key that it takes, where that is not here', () => {
    const other = KeyRing.create();
    expect(other.unseal('token a', sealed)).toEqual({ kind: 'other-key', id: keys.ids[0] });
  });

  it('still opens after a rotation, and is known to be of the old key', () => {
    const rotated = KeyRing.parse(keys.rotated().toText());
    expect(rotated.ids).toHaveLength(2);
    expect(rotated.unseal('token a', sealed)).toEqual({ kind: 'opened', text: SECRET, isCurrent: false });
    const anew = rotated.seal('token a', SECRET);
    expect(rotated.unseal('token a', anew)).toMatchObject({ isCurrent: true });
    expect(keys.unseal('token a', anew)).toMatchObject({ kind: 'other-key' });
  });
});

describe('the text of a key', () => {
  it.each(['', '\n', 'nonsense', 'tacet-key-1.', 'tacet-key-2.AAAA', KeyRing.create().toText().slice(0, -3)])(
    '%j is refused',
    (text) => {
      expect(() => KeyRing.parse(text)).toThrow(expect.objectContaining({ code: 'invalid-input' }));
    },
  );

  it('that is cut off is not repeated', () => {
    const text = KeyRing.create().toText().slice(0, -3);
    expect(() => KeyRing.parse(text)).not.toThrow(text.slice(12));
  });
});
