import type { Check } from './check.ts';
import { agentPresent } from './checks/agent-present.ts';
import { agentVersion } from './checks/agent-version.ts';
import { backupStorage } from './checks/backup-storage.ts';
import { clockSkew } from './checks/clock-skew.ts';
import { dataOutside } from './checks/data-outside.ts';
import { engineReachable } from './checks/engine-reachable.ts';
import { engineStorageDriver } from './checks/engine-storage-driver.ts';
import { guestFeatures } from './checks/guest-features.ts';
import { guestPlace } from './checks/guest-place.ts';
import { guestSnapshots } from './checks/guest-snapshots.ts';
import { mountPoints } from './checks/mount-points.ts';
import { nodeReachable } from './checks/node-reachable.ts';
import { nodeTrusted } from './checks/node-trusted.ts';
import { restoreGrants } from './checks/restore-grants.ts';
import { restoreNetwork } from './checks/restore-network.ts';
import { restoreToken } from './checks/restore-token.ts';
import { tokenAccepted } from './checks/token-accepted.ts';
import { tokenBoundary } from './checks/token-boundary.ts';
import { tokenGrants } from './checks/token-grants.ts';
import { tokenScope } from './checks/token-scope.ts';
import { vzdumpHook } from './checks/vzdump-hook.ts';

/** From the outside in: what comes first is often the cause of what comes later. */
export const checks: readonly Check[] = [
  nodeReachable,
  nodeTrusted,
  clockSkew,
  vzdumpHook,
  tokenAccepted,
  tokenGrants,
  tokenScope,
  tokenBoundary,
  restoreToken,
  restoreGrants,
  restoreNetwork,
  backupStorage,
  guestPlace,
  guestSnapshots,
  guestFeatures,
  mountPoints,
  agentPresent,
  agentVersion,
  engineReachable,
  engineStorageDriver,
  dataOutside,
];
