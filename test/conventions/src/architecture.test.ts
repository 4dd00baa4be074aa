import { describe, expect, it } from 'vitest';
import { drawArchitecture } from './draw-architecture.ts';
import { allowedTo, partsOfTheTree } from './layers.ts';
import { read } from './tree.ts';

const parts = partsOfTheTree();

describe('the architecture', () => {
  it.each(parts)('lets $folder import only what it may build on', (part) => {
    expect(part.imports.filter((name) => !allowedTo(part).includes(name))).toEqual([]);
  });

  it.each(parts)('has $folder declare what it imports, and import what it declares', (part) => {
    expect(part.declares).toEqual(part.imports);
  });

  it('goes one way: nobody imports, by whatever detour, who imports him', () => {
    const below = (name: string, seen: ReadonlySet<string> = new Set()): ReadonlySet<string> => {
      const imports = parts.find((part) => part.name === name)?.imports ?? [];
      return imports.reduce((all, one) => (all.has(one) ? all : below(one, new Set([...all, one]))), seen);
    };
    expect(parts.map(({ name }) => name).filter((name) => below(name).has(name))).toEqual([]);
  });

  it('has a picture that shows it as it is', () => {
    const isCurrent = read('docs/images/architecture.svg') === drawArchitecture(parts);
    expect(isCurrent ? 'current' : 'out of date; `npm run picture` draws it again').toBe('current');
  });

  it('is drawn from imports: one more is one more arrow', () => {
    const [first] = parts.filter(({ name }) => name === '@tacet/core');
    if (first === undefined) throw new Error('there is no core');
    const more = { ...first, imports: [...first.imports, '@tacet/runtime'] };
    const picture = drawArchitecture(parts.map((part) => (part === first ? more : part)));
    expect(picture).toContain('@tacet/core imports @tacet/runtime');
    expect(drawArchitecture(parts)).not.toContain('@tacet/core imports @tacet/runtime');
  });
});
