import type { Condition, ConditionStatus, ConditionType } from '@tacet/protocol';

export interface Finding {
  type: ConditionType;
  status: ConditionStatus;
  reason: string;
  message: string;
}

/**
 * The conditions after this round of findings. `lastTransitionTime` moves only where the status changed;
 * a condition that was not looked at this time stays as it was.
 */
export function applyFindings(
  before: readonly Condition[],
  findings: readonly Finding[],
  generation: number,
  now: number,
): Condition[] {
  const after = new Map(before.map((condition) => [condition.type, condition]));
  for (const finding of findings) {
    const old = after.get(finding.type);
    const lastTransitionTime = old?.status === finding.status ? old.lastTransitionTime : now;
    after.set(finding.type, { ...finding, observedGeneration: generation, lastTransitionTime });
  }
  return [...after.values()];
}

/** Those whose status differs from before, or that are new. */
export function transitions(before: readonly Condition[], after: readonly Condition[]): Condition[] {
  return after.filter((now) => before.find((old) => old.type === now.type)?.status !== now.status);
}

/** `Ready` is the sum of the others: the first that is not True says why. */
export function summarise(findings: readonly Finding[]): Finding {
  const worst =
    findings.find((finding) => finding.status === 'False') ??
    findings.find((finding) => finding.status === 'Unknown');
  if (!worst) {
    return {
      type: 'Ready',
      status: 'True',
      reason: 'AllConditionsTrue',
      message: 'everything that should run runs',
    };
  }
  return {
    type: 'Ready',
    status: worst.status,
    reason: worst.reason,
    message: `${worst.type}: ${worst.message}`,
  };
}
