import { installAgent } from '@tacet/demo';
import { type Guest, type Lab, labObstacle, openLab } from '@tacet/lab';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { z } from 'zod';
import { agentLog, idleCommand, inGuest, snapshotHeld, untilHealed } from './healing-guest.ts';

// Nothing here has a restart policy: the order in which it comes back is heal's alone.

const obstacle = labObstacle();
const within = (ms: number): AbortSignal => AbortSignal.timeout(ms);
const folder = '/opt/stacks/order';
/** For how long two of them are not healthy after their start. */
const warmUpMs = 3_000;

const idle = JSON.stringify(idleCommand);
const warmingUp = JSON.stringify([
  'sh',
  '-c',
  `rm -f /tmp/up; sleep ${warmUpMs / 1_000}; touch /tmp/up; trap "exit 0" TERM QUIT; sleep infinity & wait`,
]);
const healthcheck =
  "{ test: ['CMD', 'test', '-e', '/tmp/up'], interval: 1s, retries: 100, start_interval: 500ms }";
const composeFile = `
name: order
services:
  app:
    image: nginx:1
    command: ${idle}
    depends_on:
      api: { condition: service_healthy }
      cache: { condition: service_started }
      migrate: { condition: service_completed_successfully }
  api:
    image: nginx:1
    command: ${warmingUp}
    healthcheck: ${healthcheck}
    depends_on: { db: { condition: service_healthy } }
  migrate:
    image: nginx:1
    command: ['sh', '-c', 'sleep 1']
    depends_on: { db: { condition: service_healthy } }
  db:
    image: nginx:1
    command: ${warmingUp}
    healthcheck: ${healthcheck}
  cache:
    image: nginx:1
    command: ${idle}
`;

const stateSchema = z.object({
  Status: z.string(),
  ExitCode: z.number(),
  StartedAt: z.string().transform(Date.parse),
});

describe.skipIf(obstacle !== undefined)(
  `the order in which a guest comes back${obstacle ? ` (skipped: ${obstacle})` : ''}`,
  () => {
    const cleanup = new AsyncDisposableStack();
    let lab: Lab;
    let original: Guest;

    beforeAll(async () => {
      lab = cleanup.use(await openLab({ signal: within(1_700_000) }));
      original = await lab.createGuest({ vmid: 147, hostname: 'order' });
      await installAgent(original);
      await original.writeFile(`${folder}/compose.yaml`, composeFile);
      await original.start();
      await original.waitForEngine(within(120_000));
      const up = ['docker', 'compose', '--project-directory', folder, 'up', '--detach'];
      await inGuest(original, up, 180_000);
      await inGuest(original, ['systemctl', 'enable', '--now', '--quiet', 'tacet-agent']);
      await snapshotHeld(original, 'held');
    });
    afterAll(() => cleanup.disposeAsync());

    it('is that of depends_on, each when the condition of the one before has come true', async () => {
      const copy = await restored(247);
      const isDone = await stateOf(original, 'migrate');
      await original.stop();
      await copy.start();
      const { findings } = await untilHealed(copy);
      expect(findings).toEqual([]);
      const services = ['db', 'api', 'app', 'cache', 'migrate'];
      const states = new Map<string, State>();
      for (const service of services) states.set(service, await stateOf(copy, service));
      expect([...states].map(([service, { Status }]) => `${service} ${Status}`)).toEqual([
        'db running',
        'api running',
        'app running',
        'cache running',
        // What had ended well before the backup is in its data, and is not done again.
        'migrate exited',
      ]);
      expect(states.get('migrate')).toEqual(isDone);
      const startOf = (service: string): number => states.get(service)?.StartedAt ?? Number.NaN;
      const [api, app] = [startOf('api') - startOf('db'), startOf('app') - startOf('api')];
      process.stderr.write(`api was started ${api} ms after db, app ${app} ms after api\n`);
      expect(api).toBeGreaterThanOrEqual(warmUpMs);
      expect(app).toBeGreaterThanOrEqual(warmUpMs);
      expect(startOf('app')).toBeGreaterThanOrEqual(startOf('cache'));
    });

    async function restored(vmid: number): Promise<Guest> {
      const copy = await lab.restoreGuest({ vmid, snapshot: { vmid: 147, name: 'held' }, unique: true });
      onTestFailed(async () => void process.stderr.write(await agentLog(copy)));
      return copy;
    }
  },
);

type State = z.infer<typeof stateSchema>;

async function stateOf(guest: Guest, service: string): Promise<State> {
  const inspect = ['docker', 'inspect', '--format', '{{json .State}}', `order-${service}-1`];
  return stateSchema.parse(JSON.parse(await inGuest(guest, inspect)));
}
