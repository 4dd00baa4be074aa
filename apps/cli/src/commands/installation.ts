import { nodeListSchema, type NodeView, type Setting, settingListSchema } from '@tacet/protocol';
import { type Context, printJson } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { durationOf } from '../print/moment.ts';
import { plural, table } from '../print/table.ts';

/** @returns `below` where one does not answer */
export async function listNodes(context: Context): Promise<ExitCode> {
  const list = await context.api.get(nodeListSchema, '/nodes', context.signal);
  if (context.json) printJson(context, list);
  else nodeTable(list.nodes).forEach(context.print);
  return list.nodes.every(({ reachable }) => reachable.answered) ? exitCodes.ok : exitCodes.below;
}

export async function listSettings(context: Context): Promise<ExitCode> {
  const list = await context.api.get(settingListSchema, '/settings', context.signal);
  if (context.json) printJson(context, list);
  else table(['setting', 'value', ''], list.settings.map(settingRow)).forEach(context.print);
  return exitCodes.ok;
}

function nodeTable(nodes: readonly NodeView[]): string[] {
  if (nodes.length === 0) return ['No node is configured. Begin with: tacet pve provision --help'];
  const rows = nodes.map(({ name, url, simulated, storage, tokens, reachable }) => [
    name,
    url,
    reachable.answered ? `answers in ${durationOf(reachable.tookMs)}` : 'does NOT answer',
    storage,
    tokens.shared ?? plural(tokens.guests.length, 'guest token'),
    tokens.restore ?? 'cannot restore',
    [simulated ? '(simulated)' : '', reachable.answered ? '' : reachable.why].filter(Boolean).join(' '),
  ]);
  return table(['node', 'address', '', 'backups to', 'backs up as', 'restores as', ''], rows);
}

function settingRow({ name, value, isDefault }: Setting): string[] {
  return [name, Array.isArray(value) ? value.join(', ') : String(value ?? '-'), isDefault ? 'default' : ''];
}
