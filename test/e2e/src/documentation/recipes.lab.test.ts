import { type Guest, type Lab, labObstacle, openLab } from '@tacet/lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { composeFileOf, recipes } from './recipes.ts';

const obstacle = labObstacle();

describe.skipIf(obstacle !== undefined)(
  `the compose file of the recipe${obstacle ? ` (skipped: ${obstacle})` : ''}`,
  () => {
    const cleanup = new AsyncDisposableStack();
    let lab: Lab;
    let guest: Guest;
    beforeAll(async () => {
      const signal = AbortSignal.timeout(1_700_000);
      lab = cleanup.use(await openLab({ signal }));
      guest = await lab.createGuest({ vmid: 130, signal });
      cleanup.defer(() => guest.destroy());
      await guest.start(signal);
    });
    afterAll(() => cleanup.disposeAsync());

    it.each(recipes)('%s is one to Docker Compose', async (page) => {
      const text = composeFileOf(page);
      const values = [...text.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => `${name}=./value\n`);
      await guest.writeFile('/root/recipe/compose.yaml', text);
      await guest.writeFile('/root/recipe/.env', values.join(''));
      const config = 'cd /root/recipe && docker compose config --quiet';
      const { exitCode, stdout, stderr } = await guest.exec(['sh', '-c', config], { timeoutMs: 60_000 });
      expect({ exitCode, said: stdout + stderr }).toEqual({ exitCode: 0, said: '' });
    });
  },
);
