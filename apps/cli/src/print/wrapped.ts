/** Lines of no more than `width` where words allow it; those after the first begin with `indent`. */
export function wrapped(text: string, width: number, indent: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.length - 1;
    const longer = `${lines[last]} ${word}`;
    if (last >= 0 && longer.length <= width) lines[last] = longer;
    else lines.push(last < 0 ? word : `${indent}${word}`);
  }
  return lines;
}
