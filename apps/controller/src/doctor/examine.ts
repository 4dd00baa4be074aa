import type { DoctorReport, FindingSubject } from '@tacet/protocol';
import { backupReady } from './backup-ready.ts';
import type { Check, Judgement } from './check.ts';
import type { HouseFacts } from './facts.ts';

type Examined = Pick<DoctorReport, 'findings' | 'notKnown' | 'examined' | 'guests'>;

const rank = { error: 0, warning: 1, notice: 2 } as const;

/** Judges facts by every check that applies to them. */
export function examine(house: HouseFacts, checks: readonly Check[], examinedAt: number): Examined {
  const findings: DoctorReport['findings'] = [];
  const unknown: DoctorReport['notKnown'] = [];
  let points = 0;
  let inOrder = 0;
  const take = (about: FindingSubject, what: string, judgement: Judgement | undefined): void => {
    if (judgement === undefined || judgement === 'not-applicable') return;
    points += 1;
    if ('notKnown' in judgement) {
      unknown.push({ about, what, because: judgement.notKnown });
      return;
    }
    if (judgement.length === 0) inOrder += 1;
    for (const { evidence = [], commands = [], ...found } of judgement) {
      findings.push({ ...found, about, evidence: [...evidence], commands: [...commands] });
    }
  };
  const { nodes, storages, guests } = house;
  for (const { what, node, storage, guest } of checks) {
    for (const one of nodes) take({ kind: 'node', node: one.name }, what, node?.(one, house));
    for (const one of storages) {
      take({ kind: 'storage', node: one.node, storage: one.storage }, what, storage?.(one, house));
    }
    for (const one of guests) take({ kind: 'guest', vmid: one.vmid }, what, guest?.(one, house));
  }
  const outcome = {
    findings: findings.toSorted((one, other) => rank[one.severity] - rank[other.severity]),
    notKnown: unknown,
  };
  return {
    ...outcome,
    guests: guests.map((one) => ({ vmid: one.vmid, backupReady: backupReady(one, outcome, examinedAt) })),
    examined: {
      nodes: nodes.length,
      storages: storages.length,
      guests: guests.length,
      points,
      inOrder,
    },
  };
}
