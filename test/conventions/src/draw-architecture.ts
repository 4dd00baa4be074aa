import type { Part } from './layers.ts';

const width = 960;
const boxWidth = 190;
const lineHeight = 17;
const letterWidth = 6.6;
const padding = 12;
const rowGap = 84;

interface Box {
  readonly part: Part;
  readonly x: number;
  readonly y: number;
  readonly height: number;
  readonly lines: readonly string[];
}

/** Each part as a box with its folders, and an arrow for each import: whoever builds on another stands above it. */
export function drawArchitecture(parts: readonly Part[]): string {
  const drawn = parts.filter(
    ({ name, imports }) => imports.length > 0 || parts.some((one) => one.imports.includes(name)),
  );
  const boxes = place(drawn);
  const byName = new Map(boxes.map((box) => [box.part.name, box]));
  const arrows = boxes.flatMap((from) =>
    from.part.imports.flatMap((name) => {
      const to = byName.get(name);
      return to === undefined ? [] : [arrow(from, to, boxes)];
    }),
  );
  const height = Math.max(...boxes.map((box) => box.y + box.height)) + padding;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif">`,
    '<title>What imports what: apps above, the packages that they build on below</title>',
    '<!-- Drawn by test/conventions/src/architecture-picture.ts from the imports of the sources. -->',
    style,
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">',
    '<path class="tip" d="M0 0 8 4 0 8z"/></marker></defs>',
    ...arrows,
    ...boxes.flatMap(rectangle),
    '</svg>',
    '',
  ].join('\n');
}

const style = `<style>
  .box { fill: #f6f8fa; stroke: #8c959f } .app { fill: #ddf4ff; stroke: #54aeff }
  text { fill: #1f2328; font-size: 12px } .name { font-size: 15px; font-weight: 600 }
  .arrow { fill: none; stroke: #656d76; stroke-width: 1.4 } .tip { fill: #656d76 }
  @media (prefers-color-scheme: dark) {
    .box { fill: #21262d; stroke: #6e7681 } .app { fill: #0c2d6b; stroke: #388bfd }
    text { fill: #e6edf3 } .arrow { stroke: #9198a1 } .tip { fill: #9198a1 }
  }
</style>`;

const isApp = ({ folder }: Part): boolean => folder.startsWith('apps/');

/** Rows by the longest way down; within a row by what stands below, so that arrows cross little. */
function place(parts: readonly Part[]): Box[] {
  const byName = new Map(parts.map((part) => [part.name, part]));
  const depthOf = (part: Part): number =>
    Math.max(0, ...part.imports.flatMap((name) => byName.get(name) ?? []).map((below) => depthOf(below) + 1));
  const depths = Math.max(...parts.map(depthOf));
  // Apps stand together, however little one of them imports.
  const rowOf = (part: Part): number => (isApp(part) ? 0 : depths - depthOf(part));
  const boxes = new Map<string, Box>();
  const heights = Array.from({ length: depths + 1 }, (_, row) =>
    Math.max(...parts.filter((part) => rowOf(part) === row).map(heightOf)),
  );
  for (let row = depths; row >= 0; row -= 1) {
    const y = padding + heights.slice(0, row).reduce((sum, height) => sum + height + rowGap, 0);
    const place = (part: Part): number => {
      const below = part.imports.flatMap((name) => boxes.get(name) ?? []);
      return below.length === 0 ? width / 2 : below.reduce((sum, { x }) => sum + x, 0) / below.length;
    };
    const inRow = parts
      .filter((part) => rowOf(part) === row)
      .toSorted((one, other) => place(one) - place(other) || one.name.localeCompare(other.name));
    for (const [index, part] of inRow.entries()) {
      const x = (width * (index + 0.5)) / inRow.length - boxWidth / 2;
      boxes.set(part.name, { part, x, y, height: heights[row] ?? 0, lines: linesOf(part) });
    }
  }
  return [...boxes.values()].toSorted((one, other) => one.part.name.localeCompare(other.part.name));
}

const heightOf = (part: Part): number => padding * 2 + lineHeight * (1 + linesOf(part).length);

/** The folders, in lines that fit into a box. */
function linesOf({ folders }: Part): string[] {
  const lines: string[] = [];
  for (const folder of folders) {
    const last = lines.at(-1);
    const longer = last === undefined ? folder : `${last}, ${folder}`;
    if (last === undefined || longer.length * letterWidth > boxWidth - padding * 2) lines.push(folder);
    else lines[lines.length - 1] = longer;
  }
  return lines.map((line, index) => (index < lines.length - 1 ? `${line},` : line));
}

function rectangle({ part, x, y, height, lines }: Box): string[] {
  const kind = isApp(part) ? 'box app' : 'box';
  const centre = x + boxWidth / 2;
  const text = (line: string, index: number, name = ''): string =>
    `<text${name} x="${centre}" y="${y + padding + lineHeight * (index + 0.8)}" text-anchor="middle">${line}</text>`;
  return [
    `<rect class="${kind}" x="${x}" y="${y}" width="${boxWidth}" height="${height}" rx="6"/>`,
    text(part.folder, 0, ' class="name"'),
    ...lines.map((line, index) => text(line, index + 1)),
  ];
}

const at = (value: number): string => value.toFixed(1);

const spread = (index: number, count: number): number => (boxWidth * (index + 1)) / (count + 1);

/** From the lower edge to the upper one, ends beside each other so that each can be followed. */
function arrow(from: Box, to: Box, boxes: readonly Box[]): string {
  const importers = boxes
    .filter(({ part }) => part.imports.includes(to.part.name))
    .toSorted((a, b) => a.x - b.x);
  const targets = from.part.imports
    .flatMap((name) => boxes.find(({ part }) => part.name === name) ?? [])
    .toSorted((one, other) => one.x - other.x);
  const x1 = from.x + spread(targets.indexOf(to), targets.length);
  const x2 = to.x + spread(importers.indexOf(from), importers.length);
  const y1 = from.y + from.height;
  const y2 = to.y;
  const bend = (y2 - y1) / 2;
  const curve = `M${at(x1)} ${at(y1)}C${at(x1)} ${at(y1 + bend)} ${at(x2)} ${at(y2 - bend)} ${at(x2)} ${at(y2)}`;
  return `<path class="arrow" marker-end="url(#tip)" d="${curve}"><title>${from.part.name} imports ${to.part.name}</title></path>`;
}
