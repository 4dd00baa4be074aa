import { type Finding, summarise } from '@tacet/core';
import { databasesAccepting } from './checks/databases-accepting.ts';
import { dataVerified } from './checks/data-verified.ts';
import { engineReachable } from './checks/engine-reachable.ts';
import { identityVerified } from './checks/identity-verified.ts';
import { restartPoliciesEnforced } from './checks/restart-policies-enforced.ts';
import { servicesHealthy } from './checks/services-healthy.ts';
import { stacksRunning } from './checks/stacks-running.ts';
import { thawed } from './checks/thawed.ts';
import type { Check, Picture } from './picture.ts';

/** In the order in which they explain each other: the first that is not True is the reason for `Ready`. */
const checks: readonly Check[] = [
  engineReachable,
  thawed,
  stacksRunning,
  servicesHealthy,
  databasesAccepting,
  dataVerified,
  restartPoliciesEnforced,
  identityVerified,
];

export function evaluate(picture: Picture): Finding[] {
  const findings = checks.map((check) => check(picture));
  return [...findings, summarise(findings.filter(({ reason }) => !aside.has(reason)))];
}

/** Reasons that nobody has to wait for: never backed up, or without its controller, a guest can do its job all the same. */
export const aside: ReadonlySet<string> = new Set(['NoManifest', 'ControllerAway']);
