import { expect, it } from 'vitest';
import { z } from 'zod';
import { manifestSchema } from './manifest.ts';
import { requestSchemas } from './requests.ts';
import { agentFrameSchema, controllerFrameSchema } from './session.ts';
import { protocolVersion } from './version.ts';

/** Everything that two processes of different versions may say to each other, or find on a restored disk. */
const contract = {
  version: protocolVersion,
  agentFrame: z.toJSONSchema(agentFrameSchema, { io: 'input' }),
  controllerFrame: z.toJSONSchema(controllerFrameSchema, { io: 'input' }),
  requests: Object.fromEntries(
    Object.entries(requestSchemas).map(([method, { params, result }]) => [
      method,
      { params: z.toJSONSchema(params, { io: 'input' }), result: z.toJSONSchema(result, { io: 'input' }) },
    ]),
  ),
  manifest: z.toJSONSchema(manifestSchema, { io: 'input' }),
};

it(`keeps the contract ${protocolVersion} as it was frozen`, async () => {
  const file = `${import.meta.dirname}/frozen/${protocolVersion}.json`;
  await expect(`${JSON.stringify(contract, null, 2)}\n`).toMatchFileSnapshot(file);
});
