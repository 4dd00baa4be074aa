import type { Manifest, ManifestService } from '@tacet/protocol';
import { describe, expect, it } from 'vitest';
import { type HealPolicy, type ObservedContainer, planHeal } from './heal-planner.ts';

const policy: HealPolicy = { missingRestartPolicy: 'unless-stopped' };

const was = (service: string, more: Partial<ManifestService> = {}): ManifestService => ({
  stack: 'shop',
  service,
  containerId: `id-${service}`,
  containerName: `shop-${service}-1`,
  image: 'example',
  state: 'running',
  health: 'none',
  restartPolicy: 'always',
  dependsOn: [],
  ...more,
});

const is = (service: string, more: Partial<ObservedContainer> = {}): ObservedContainer => ({
  containerId: `id-${service}`,
  state: 'running',
  health: 'none',
  restartPolicy: 'always',
  ...more,
});

const manifest = (...services: ManifestService[]): Manifest => ({
  version: 1,
  operationId: 'op',
  takenAt: 0,
  bootId: 'boot',
  incarnation: { vmid: 101, macs: [], machineId: 'm', hostname: 'h' },
  agentVersion: '0',
  engineVersion: '26',
  services,
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
});
