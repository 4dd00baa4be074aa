import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectFiles, read } from './tree.ts';

const files = projectFiles();
const pages = files.filter((file) => file.endsWith('.md'));

interface Link {
  readonly from: string;
  readonly to: string;
  readonly anchor: string | undefined;
}

/** Within the project. Of a link without a page the page is its own. */
function linksOf(page: string): Link[] {
  const text = read(page).replaceAll(/^ *```[\s\S]*?^ *```$/gm, '');
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$|(?:src|srcset)="([^"]+)"/gm)].map(
    ([, inline, reference, image]) => inline ?? reference ?? image ?? '',
  );
  return targets
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path = '', anchor] = target.split('#');
      return { from: page, to: path === '' ? page : normalize(join(dirname(page), path)), anchor };
    });
}

/** As a heading becomes the end of an address. */
const slugOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-');

const anchorsOf = (page: string): Set<string> =>
  new Set([...read(page).matchAll(/^#{1,6} (.*)$/gm)].map(([, heading = '']) => slugOf(heading.trim())));

describe('the documentation', () => {
  it('can be read from the README on: no page is an orphan', () => {
    const reached = new Set(['README.md']);
    for (const page of reached) {
      if (!page.endsWith('.md')) continue;
      for (const { to } of linksOf(page)) if (files.includes(to)) reached.add(to);
    }
    expect(pages.filter((page) => page.startsWith('docs/') && !reached.has(page))).toEqual([]);
  });

  it('has no link to a place in a page that is not there', () => {
    const broken = pages
      .flatMap(linksOf)
      .filter(({ to, anchor }) => anchor !== undefined && pages.includes(to) && !anchorsOf(to).has(anchor))
      .map(({ from, to, anchor }) => `${from} → ${to}#${anchor}`);
    expect(broken).toEqual([]);
  });

  it('shows promises by tests that are there, by their names', () => {
    const page = 'docs/audit/promises.md';
    const shown = [...read(page).matchAll(/\]\(([^)]+\.test\.ts)\) _(.+?)_ +\|/g)];
    expect(shown.length).toBeGreaterThan(35);
    const gone = shown
      .map(([, file = '', name = '']) => ({ file: normalize(join(dirname(page), file)), name }))
      .filter(({ file, name }) => !files.includes(file) || !read(file).includes(`'${name}'`));
    expect(gone).toEqual([]);
    expect(
      read(page)
        .split('\n')
        .filter((line) => /^\| .*\.test\.ts/.test(line)),
    ).toHaveLength(shown.length);
  });

  it('has a page for each engine, which is linked from the index', () => {
    const index = linksOf('docs/README.md').map(({ to }) => to);
    expect(pages.filter((page) => page.startsWith('docs/engines/') && !index.includes(page))).toEqual([]);
  });
});
