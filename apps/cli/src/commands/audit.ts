import { type AuditEntry, auditListSchema } from '@tacet/protocol';
import { type Context, printJson } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { dateTimeOf } from '../print/moment.ts';
import { table } from '../print/table.ts';

export async function showAudit({ limit }: { readonly limit: number }, context: Context): Promise<ExitCode> {
  const list = await context.api.get(auditListSchema, `/audit?limit=${limit}`, context.signal);
  if (context.json) printJson(context, list);
  else auditTable(list.entries).forEach(context.print);
  return exitCodes.ok;
}

function auditTable(entries: readonly AuditEntry[]): string[] {
  if (entries.length === 0) return ['Nobody has changed anything yet.'];
  const rows = entries.map(({ at, who, address, outcome, code, what }) => [
    dateTimeOf(at),
    who === null ? '-' : `${who.kind} ${who.name}`,
    address,
    code === null ? outcome : `${outcome} (${code})`,
    what,
  ]);
  return table(['at', 'who', 'from', 'outcome', 'what'], rows);
}
