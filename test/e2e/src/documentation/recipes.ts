import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { blocksOf, workspace } from './blocks.ts';

const folder = 'docs/recipes';

/** The pages, below the workspace; the index is none. */
export const recipes: readonly string[] = readdirSync(join(workspace, folder))
  .filter((name) => name.endsWith('.md') && name !== 'README.md')
  .map((name) => `${folder}/${name}`);

/** The first block of YAML on the page. */
export const composeFileOf = (page: string): string => yamlOf(page)[0] ?? '';

/** Those after it: labels that somebody may add. */
export const furtherYamlOf = (page: string): string[] => yamlOf(page).slice(1);

function yamlOf(page: string): string[] {
  return blocksOf(page)
    .filter(({ language }) => language === 'yaml')
    .map(({ text }) => text);
}
