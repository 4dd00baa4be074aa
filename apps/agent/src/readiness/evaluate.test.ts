import type { ConditionType, Manifest } from '@tacet/protocol';
import { describe, expect, it } from 'vitest';
import type { DiscoveredService } from '../discovery/compose.ts';
import type { EngineContainer } from '../engine/engine.ts';
import { evaluate } from './evaluate.ts';
import type { Picture } from './picture.ts';

const service = (name: string, more: Partial<EngineContainer> = {}): DiscoveredService => ({
  stack: 'shop',
  service: name,
  dependsOn: [],
  container: {
    id: `id-${name}`,
    name: `shop-${name}-1`,
    image: 'example',
    labels: {},
    state: 'running',
    health: 'none',
    restartPolicy: 'always',
    pid: 1,
    env: [],
    startedAt: 0,
    exitCode: 0,
    error: '',
    restartCount: 0,
    command: [],
    mounts: [],
    ...more,
  },
});

const manifestOf = (...names: string[]): Manifest => ({
  version: 3,
  operationId: 'op',
  takenAt: 0,
  bootId: 'boot',
  incarnation: { vmid: 101, macs: [], machineId: 'm', hostname: 'h' },
  agentVersion: '0',
  engineVersion: '26',
  services: names.map((name) => ({
    stack: 'shop',
    service: name,
    containerId: `id-${name}`,
    containerName: `shop-${name}-1`,
    image: 'example',
    state: 'running',
    health: 'none',
    restartPolicy: 'always',
    exitCode: null,
    dependsOn: [],
  })),
  projects: [],
});

const picture = (services: DiscoveredService[], more: Partial<Picture> = {}): Picture => ({
  engine: { kind: 'reachable', version: '26', services },
  quiesce: { state: 'idle', unthawed: [] },
  databases: [],
  data: { hasManifest: true, checks: [] },
  probes: [],
  heal: { manifest: undefined, isIncomplete: false, findings: [] },
  identity: { kind: 'verified', vmid: 101 },
  missingRestartPolicy: 'unless-stopped',
  ...more,
});

const of = (type: ConditionType, at: Picture) => evaluate(at).find((finding) => finding.type === type);

describe('a guest is ready', () => {
  it('when everything runs, also beside what somebody stopped', () => {
    const at = picture([service('db'), service('old', { state: 'exited' })]);
    expect(evaluate(at).filter(({ status }) => status !== 'True')).toEqual([]);
  });

  it('when a service has no restart policy: before a restore that is the operator’s choice', () => {
    expect(of('Ready', picture([service('db', { restartPolicy: 'no' })]))?.status).toBe('True');
  });
});

describe('a guest is not ready', () => {
  it.each<[string, ConditionType, Picture, string]>([
    [
      'without its engine',
      'EngineReachable',
      picture([], { engine: { kind: 'unreachable', because: 'connect ENOENT' } }),
      'connect ENOENT',
    ],
    [
      'with something that could not be thawed',
      'Thawed',
      picture([service('db')], {
        quiesce: { state: 'thawing', unthawed: [{ stack: 'shop', service: 'db', message: 'no' }] },
      }),
      'shop/db: no',
    ],
    ['with a crash loop', 'StacksRunning', picture([service('db', { state: 'restarting' })]), 'restarting'],
    [
      'with a container that somebody paused',
      'StacksRunning',
      picture([service('db', { state: 'paused' })]),
      'paused',
    ],
    [
      'while what ran before the restore does not run yet',
      'StacksRunning',
      picture([service('db', { state: 'exited' })], {
        heal: { manifest: manifestOf('db'), isIncomplete: true, findings: [] },
      }),
      'shop/db: exited',
    ],
    [
      'when heal could not bring something back',
      'StacksRunning',
      picture([], {
        heal: {
          manifest: undefined,
          isIncomplete: false,
          findings: [{ stack: 'shop', service: 'db', because: 'its container is gone' }],
        },
      }),
      'its container is gone',
    ],
    [
      'with an unhealthy service',
      'ServicesHealthy',
      picture([service('db', { health: 'unhealthy' })]),
      'shop/db: unhealthy',
    ],
    [
      'with a health check that has not passed yet',
      'ServicesHealthy',
      picture([service('db', { health: 'starting' })]),
      'shop/db: starting',
    ],
    [
      'with a database that does not answer',
      'DatabasesAccepting',
      picture([service('db')], {
        databases: [
          { stack: 'shop', service: 'db', containerId: 'id-db', accepting: false, message: 'rejecting' },
        ],
      }),
      'shop/db: rejecting',
    ],
    [
      'while a restored service has no restart policy',
      'RestartPoliciesEnforced',
      picture([service('db', { restartPolicy: 'no' })], {
        heal: { manifest: manifestOf('db'), isIncomplete: false, findings: [] },
      }),
      'shop/db',
    ],
    [
      'as a copy that nobody ordered',
      'IdentityVerified',
      picture([service('db')], { identity: { kind: 'quarantined', reason: 'unordered' } }),
      'unordered',
    ],
  ])('%s', (_when, type, at, message) => {
    expect(of(type, at)).toMatchObject({ status: 'False' });
    expect(of(type, at)?.message).toContain(message);
    expect(of('Ready', at)).toMatchObject({ status: 'False', reason: of(type, at)?.reason });
  });
});

describe('what heal could not bring back', () => {
  it('is no fault any more once somebody has', () => {
    const findings = [{ stack: 'shop', service: 'db', because: 'its container is gone' }];
    const at = picture([service('db')], { heal: { manifest: undefined, isIncomplete: false, findings } });
    expect(of('StacksRunning', at)?.status).toBe('True');
  });
});

describe('a guest that is held', () => {
  const held = { state: 'held', unthawed: [] } as const;

  it('is not called unhealthy for it, and says that it is held', () => {
    const at = picture([service('db', { state: 'paused' }), service('web', { health: 'unhealthy' })], {
      quiesce: held,
    });
    expect(of('Thawed', at)).toMatchObject({ status: 'False', reason: 'Held' });
    expect(of('StacksRunning', at)?.status).toBe('True');
    expect(of('ServicesHealthy', at)).toMatchObject({ status: 'True', reason: 'Held' });
  });
});

describe('nobody knows', () => {
  it('what runs, without the engine', () => {
    const at = picture([], { engine: { kind: 'unreachable', because: 'gone' } });
    for (const type of ['StacksRunning', 'ServicesHealthy', 'DatabasesAccepting'] as const) {
      expect(of(type, at)?.status).toBe('Unknown');
    }
  });

  it('which copy this is, without the controller', () => {
    const at = picture([service('db')], { identity: { kind: 'unasked' } });
    expect(of('Ready', at)).toMatchObject({ status: 'Unknown', reason: 'ControllerNotHeard' });
  });

  it('which copy this is, once the controller is given up, and it is ready all the same', () => {
    const at = picture([service('db')], { identity: { kind: 'alone' } });
    expect(of('IdentityVerified', at)).toMatchObject({ status: 'Unknown', reason: 'ControllerAway' });
    expect(of('Ready', at)).toMatchObject({ status: 'True' });
  });
});
