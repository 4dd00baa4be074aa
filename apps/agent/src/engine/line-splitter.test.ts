import { describe, expect, it } from 'vitest';
import { LineSplitter } from './line-splitter.ts';

describe('lines', () => {
  it('come whole, whatever the chunks were', () => {
    const lines: string[] = [];
    const splitter = new LineSplitter((line) => lines.push(line));
    const bytes = Buffer.from('eins\r\nzwölf\n\nunfertig');
    for (const byte of bytes) splitter.push(Buffer.from([byte]));
    expect(lines).toEqual(['eins', 'zwölf', '']);
    splitter.push(Buffer.from('!\n'));
    expect(lines.at(-1)).toBe('unfertig!');
  });
});
