import type { Manifest, ManifestService } from '@tacet/protocol';
import { describe, expect, it } from 'vitest';
import { withoutHopelessWaits } from './dependencies.ts';
import { planWithoutEngine } from './engine-down.ts';
import { planHeal } from './plan-heal.ts';
import type { HealPolicy, ObservedContainer } from './situation.ts';

const policy: HealPolicy = { missingRestartPolicy: 'unless-stopped', restore: { postRestored: new Set() } };
const reboot: HealPolicy = { missingRestartPolicy: 'no', restore: null };
const project = {
  stack: 'shop',
  workingDir: '/opt/shop',
  configFiles: ['/opt/shop/compose.yaml'],
  envFiles: [],
};

const was = (service: string, more: Partial<ManifestService> = {}): ManifestService => ({
  stack: 'shop',
  service,
  containerId: `id-${service}`,
  containerName: `shop-${service}-1`,
  image: 'example',
  state: 'running',
  health: 'none',
  restartPolicy: 'always',
  exitCode: null,
  dependsOn: [],
  ...more,
});

const is = (service: string, more: Partial<ObservedContainer> = {}): ObservedContainer => ({
  containerId: `id-${service}`,
  state: 'running',
  health: 'none',
  restartPolicy: 'always',
  exitCode: 0,
  error: '',
  restartCount: 0,
  startedAt: 0,
  isLeftAlone: false,
  postRestore: undefined,
  ...more,
});

const manifest = (...services: ManifestService[]): Manifest => ({
  version: 3,
  operationId: 'op',
  takenAt: 0,
  bootId: 'boot',
  incarnation: { vmid: 101, macs: [], machineId: 'm', hostname: 'h' },
  agentVersion: '0',
  engineVersion: '26',
  services,
  projects: [],
});

const steps = (before: Manifest, now: ObservedContainer[]) =>
  planHeal(before, now, policy).steps.map(({ kind, service }) => `${kind} ${service}`);

describe('heal', () => {
  it('has nothing to do where everything runs', () => {
    expect(planHeal(manifest(was('db')), [is('db')], policy)).toEqual({
      steps: [],
      waiting: [],
      findings: [],
    });
  });

  it.each([
    ['exited', 'start db'],
    ['created', 'start db'],
    ['paused', 'unpause db'],
  ] as const)('brings back a container that ran and is %s', (state, step) => {
    expect(steps(manifest(was('db')), [is('db', { state })])).toEqual([step]);
  });

  it('takes a container that the snapshot caught paused for one that ran', () => {
    expect(steps(manifest(was('db', { state: 'paused' })), [is('db', { state: 'exited' })])).toEqual([
      'start db',
    ]);
  });

  it('gives a restart policy to what ran without one, and says what it was', () => {
    const plan = planHeal(
      manifest(was('web', { restartPolicy: 'no' })),
      [is('web', { restartPolicy: 'no' })],
      policy,
    );
    expect(plan.steps).toMatchObject([
      { kind: 'set-restart-policy', policy: 'unless-stopped', previous: 'no' },
    ]);
  });

  it('leaves the restart policy alone where the operator wants none', () => {
    const plan = planHeal(manifest(was('web')), [is('web', { restartPolicy: 'no' })], {
      ...policy,
      missingRestartPolicy: 'no',
    });
    expect(plan.steps).toEqual([]);
  });

  it('keeps stopped what was stopped on purpose, and stops it when its policy started it', () => {
    const before = manifest(was('old', { state: 'exited', restartPolicy: 'on-failure' }));
    expect(steps(before, [is('old', { state: 'exited', restartPolicy: 'on-failure' })])).toEqual([]);
    expect(steps(before, [is('old', { restartPolicy: 'on-failure' })])).toEqual(['stop old']);
  });

  it('starts in dependency order, and waits for health where compose does', () => {
    const before = manifest(
      was('db'),
      was('app', { dependsOn: [{ service: 'db', condition: 'service_healthy' }] }),
    );
    const app = is('app', { state: 'exited' });
    expect(steps(before, [is('db', { state: 'exited' }), app])).toEqual(['start db']);
    expect(steps(before, [is('db', { health: 'starting' }), app])).toEqual([]);
    expect(steps(before, [is('db', { health: 'healthy' }), app])).toEqual(['start app']);
  });

  it('does not wait for a dependency that was stopped on purpose', () => {
    const before = manifest(
      was('mail', { state: 'exited' }),
      was('app', { dependsOn: [{ service: 'mail', condition: 'service_started' }] }),
    );
    expect(steps(before, [is('mail', { state: 'exited' }), is('app', { state: 'exited' })])).toEqual([
      'start app',
    ]);
  });

  it('says what it cannot bring back', () => {
    const plan = planHeal(manifest(was('db'), was('app')), [is('app', { state: 'dead' })], policy);
    expect(plan.findings.map(({ service }) => service)).toEqual(['db', 'app']);
  });

  it('does not miss a container that was not running anyway', () => {
    expect(planHeal(manifest(was('job', { state: 'exited' })), [], policy).findings).toEqual([]);
  });

  it('does not stop what had given up by itself, and was started again by its policy', () => {
    const before = manifest(was('job', { state: 'exited', restartPolicy: 'on-failure', exitCode: 3 }));
    expect(steps(before, [is('job', { restartPolicy: 'on-failure' })])).toEqual([]);
  });

  it('leaves alone what a label says it should', () => {
    const before = manifest(was('db'), was('old', { state: 'exited' }));
    const left = { isLeftAlone: true, restartPolicy: 'no' } as const;
    const plan = planHeal(before, [is('db', { ...left, state: 'exited' }), is('old', left)], policy);
    expect(plan).toEqual({ steps: [], waiting: [], findings: [] });
  });

  it('has a missing container made from its project, after what it needs', () => {
    const before = {
      ...manifest(was('db'), was('app', { dependsOn: [{ service: 'db', condition: 'service_started' }] })),
      projects: [project],
    };
    expect(steps(before, [])).toEqual(['compose-up db']);
    expect(steps(before, [is('db')])).toEqual(['compose-up app']);
    expect(planHeal(before, [], policy).steps[0]).toMatchObject({ project });
  });

  it('does not make again what somebody removed, where nothing was restored', () => {
    const before = { ...manifest(was('db')), projects: [project] };
    expect(planHeal(before, [], reboot)).toEqual({ steps: [], waiting: [], findings: [] });
  });

  it('waits for a crash loop that the engine backs off from, and says how it looks', () => {
    const now = is('app', { state: 'restarting', exitCode: 7, restartCount: 4 });
    const [wait] = planHeal(manifest(was('app')), [now], policy).waiting;
    expect(wait?.because).toBe(
      'it ends with exit code 7 again and again: the engine has restarted it 4 times',
    );
    expect(wait?.giveUpAfterMs).toBeGreaterThan(60_000);
  });

  it('starts an unhealthy application again, after a while, and never a database', () => {
    const before = manifest(was('app'), was('db', { image: 'registry.example/library/postgres:17' }));
    const { steps: planned, waiting } = planHeal(
      before,
      [is('app', { health: 'unhealthy' }), is('db', { health: 'unhealthy' })],
      policy,
    );
    expect(planned).toMatchObject([{ kind: 'restart', service: 'app', patienceMs: 60_000 }]);
    expect(waiting).toMatchObject([{ service: 'db', because: 'its health check fails' }]);
  });

  it.each([
    ['network 3c1f0e2d not found', 'reconnect app'],
    ['endpoint with name shop-app-1 already exists in network shop_default', 'reconnect app'],
    ['Bind for 0.0.0.0:80 failed: port is already allocated', 'start app'],
    ['listen tcp4 0.0.0.0:80: bind: address already in use', 'start app'],
  ])('knows why a start has failed: %s', (error, step) => {
    const now = is('app', { state: 'exited', error });
    expect(steps(manifest(was('app')), [now])).toEqual([step]);
    expect(planHeal(manifest(was('app')), [now], policy).steps[0]?.because).toContain(error);
  });

  describe('a job that others wait for', () => {
    const before = manifest(
      was('migrate', { restartPolicy: 'no' }),
      was('app', { dependsOn: [{ service: 'migrate', condition: 'service_completed_successfully' }] }),
    );
    const app = is('app', { state: 'exited' });
    const migrate = (more: Partial<ObservedContainer>) => is('migrate', { restartPolicy: 'no', ...more });

    it('is run again, once, and gets no restart policy', () => {
      expect(steps(before, [migrate({ state: 'exited' }), app])).toEqual(['start migrate']);
      expect(steps(before, [migrate({ startedAt: 5 }), app])).toEqual([]);
      expect(steps(before, [migrate({ state: 'exited', startedAt: 5 }), app])).toEqual(['start app']);
    });

    it('that fails keeps them waiting', () => {
      const failed = migrate({ state: 'exited', startedAt: 5, exitCode: 1 });
      expect(planHeal(before, [failed, app], policy).waiting).toMatchObject([
        { service: 'app', on: 'migrate' },
      ]);
    });

    it('and had ended well before the backup is not run again', () => {
      const done = {
        ...before,
        services: [was('migrate', { state: 'exited', exitCode: 0 }), ...before.services.slice(1)],
      };
      expect(steps(done, [migrate({ state: 'exited' }), app])).toEqual(['start app']);
    });
  });

  describe('a post-restore command', () => {
    const postRestore = { command: 'occ maintenance:mode --off', timeoutMs: 1_000 };

    it('runs once its service is healthy, and once', () => {
      const at = (health: ObservedContainer['health'], done: string[] = []) =>
        planHeal(manifest(was('app')), [is('app', { health, postRestore })], {
          ...policy,
          restore: { postRestored: new Set(done) },
        }).steps;
      expect(at('starting')).toEqual([]);
      expect(at('healthy')).toMatchObject([{ kind: 'run-command', ...postRestore }]);
      expect(at('none')).toHaveLength(1);
      expect(at('healthy', ['id-app'])).toEqual([]);
    });

    it('does not run after a mere start of the guest', () => {
      expect(planHeal(manifest(was('app')), [is('app', { postRestore })], reboot).steps).toEqual([]);
    });
  });

  it('asks for an engine that does not answer, with patience', () => {
    expect(planWithoutEngine('connect ENOENT').steps).toMatchObject([
      { kind: 'start-engine', patienceMs: 20_000 },
    ]);
  });
});

const wait = (service: string, on: string) => ({
  stack: 'shop',
  service,
  on,
  because: `it needs ${on} first`,
});

describe('what waits for something hopeless', () => {
  it('is hopeless too, down the whole line', () => {
    const plan = withoutHopelessWaits({
      steps: [],
      waiting: [wait('web', 'app'), wait('app', 'db'), wait('mail', 'queue')],
      findings: [{ stack: 'shop', service: 'db', because: 'its container is gone' }],
    });
    expect(plan.findings.map(({ service }) => service)).toEqual(['db', 'app', 'web']);
    expect(plan.waiting.map(({ service }) => service)).toEqual(['mail']);
  });
});
