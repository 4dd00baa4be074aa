import { agentVersion } from '../version.ts';
import { acceptData } from './accept-data.ts';
import { checkData } from './check-data.ts';
import type { Command } from './command.ts';
import { enroll } from './enroll.ts';
import { fsfreeze } from './fsfreeze.ts';
import { plan } from './plan.ts';
import { rehearse } from './rehearse.ts';
import { restartPolicy } from './restart-policy.ts';
import { run } from './run.ts';
import { status } from './status.ts';
import { thaw } from './thaw.ts';

export const commands: Readonly<Record<string, { argumentCount: number; run: Command }>> = {
  run: { argumentCount: 0, run },
  enroll: { argumentCount: 1, run: enroll },
  status: { argumentCount: 0, run: status },
  plan: { argumentCount: 0, run: plan },
  rehearse: { argumentCount: 0, run: rehearse },
  thaw: { argumentCount: 0, run: thaw },
  'restart-policy': { argumentCount: 1, run: restartPolicy },
  'check-data': { argumentCount: 0, run: checkData },
  'accept-data': { argumentCount: 0, run: acceptData },
  fsfreeze: { argumentCount: 1, run: fsfreeze },
  version: {
    argumentCount: 0,
    run: async () => {
      process.stdout.write(`${agentVersion}\n`);
      return 0;
    },
  },
};
