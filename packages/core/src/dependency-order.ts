/**
 * Groups items into waves so that everything an item depends on stands in an earlier wave. A dependency
 * that is not among the items is ignored; a cycle (compose refuses them, labels can be edited) ends in one
 * last wave together, so that no item is ever lost.
 */
export function inDependencyOrder<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  dependenciesOf: (item: T) => readonly string[],
): T[][] {
  const waves: T[][] = [];
  const present = new Set(items.map(keyOf));
  const placed = new Set<string>();
  let rest = [...items];
  while (rest.length > 0) {
    const free = rest.filter((item) =>
      dependenciesOf(item).every((key) => placed.has(key) || !present.has(key) || key === keyOf(item)),
    );
    const wave = free.length > 0 ? free : rest;
    waves.push(wave);
    for (const item of wave) placed.add(keyOf(item));
    rest = rest.filter((item) => !wave.includes(item));
  }
  return waves;
}
