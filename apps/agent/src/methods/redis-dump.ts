import type { ServiceLabels } from '@tacet/protocol';

const defaultBudgetMs = 500;

export interface DumpChoice {
  /** `strict`: dumped while its writes wait. `fast`: dumped before, and the copy is as old as that dump. */
  mode: 'strict' | 'fast';
  /** For people. */
  note: string;
}

export const dumpOfReplica: DumpChoice = { mode: 'fast', note: 'its copy is as old as its dump (fast)' };

/** For a server that keeps nothing but dumps, when it takes so long to write one. */
export function chooseDump(dumpMs: number, labels: ServiceLabels): DumpChoice {
  const budgetMs = labels['tacet.redis.budget'] ?? defaultBudgetMs;
  const label = labels['tacet.redis.dump'] ?? 'auto';
  const fits = dumpMs <= budgetMs;
  const mode = label === 'auto' ? (fits ? 'strict' : 'fast') : label;
  const how = label === 'auto' ? mode : `${mode}, as its label says`;
  if (mode === 'strict')
    return { mode, note: `a dump of about ${inWords(dumpMs)} is taken in the hold (${how})` };
  const why = label === 'auto' ? `, more than the budget of ${inWords(budgetMs)}` : '';
  return {
    mode,
    note: `its copy is as old as its dump (${how}): a dump takes about ${inWords(dumpMs)}${why}`,
  };
}

function inWords(ms: number): string {
  if (ms < 1000) return `${Math.max(1, Math.round(ms))} ms`;
  return `${Math.round(ms / 100) / 10} s`;
}
