import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const workspace = join(import.meta.dirname, '..', '..', '..', '..');

/** Where a block's commands are typed. The word stands before it: `<!-- node -->`, or `<!-- node: what for -->`. */
export const machines = {
  node: 'a root shell on the Proxmox VE node',
  guest: 'a root shell in the guest',
  controller: 'wherever tacet has access to a controller',
  docker: 'a machine with Docker that is neither',
  checkout: 'these sources',
} as const;

export type Machine = keyof typeof machines;

export interface Block {
  /** Below the workspace. */
  readonly page: string;
  readonly line: number;
  /** The heading that it stands under; empty below that of the page. */
  readonly section: string;
  /** The first word of the fence's info string. */
  readonly language: string;
  /** The word of the comment before it. */
  readonly mark: string | undefined;
  readonly text: string;
}

/** Every page that a reader may open. */
export function pages(): string[] {
  const below = readdirSync(join(workspace, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`);
  return ['README.md', 'CONTRIBUTING.md', 'test/lab/README.md', ...below.toSorted()];
}

export function blocksOf(page: string): Block[] {
  const lines = readFileSync(join(workspace, page), 'utf8').split('\n');
  const blocks: Block[] = [];
  let section = '';
  let open: { line: number; fence: string; language: string; mark: string | undefined } | undefined;
  for (const [index, line] of lines.entries()) {
    const fence = /^\s*(`{3,})\s*(\w*)/.exec(line);
    if (open === undefined) {
      section = /^##+ (.*)$/.exec(line)?.[1] ?? section;
      if (fence === null) continue;
      const before = lines.slice(0, index).findLast((one) => one.trim() !== '');
      const mark = /^<!-- (\w+)(?:: \w+)? -->$/.exec(before?.trim() ?? '')?.[1];
      open = { line: index + 1, fence: fence[1] ?? '', language: fence[2] ?? '', mark };
    } else if (fence !== null && line.trim() === open.fence) {
      const text = lines.slice(open.line, index).join('\n');
      blocks.push({ page, line: open.line, section, language: open.language, mark: open.mark, text });
      open = undefined;
    }
  }
  return blocks;
}

export const isCommands = ({ language }: Block): boolean => language === 'sh' || language === 'console';

/** As one types it: of a `console` block the lines with a prompt, without what was answered. */
export function commandsOf({ language, text }: Block): string {
  if (language === 'sh') return `${text}\n`;
  const typed = text.split('\n').filter((line) => line.startsWith('$ '));
  return `${typed.map((line) => line.slice(2)).join('\n')}\n`;
}

export const isMachine = (mark: string | undefined): mark is Machine =>
  mark !== undefined && Object.hasOwn(machines, mark);
