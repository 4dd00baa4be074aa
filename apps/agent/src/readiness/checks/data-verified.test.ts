import { describe, expect, it } from 'vitest';
import type { DiscoveredService } from '../../discovery/compose.ts';
import type { DataCheckView } from '../data/data-verifier.ts';
import { evaluate } from '../evaluate.ts';
import type { Picture } from '../picture.ts';
import { dataVerified } from './data-verified.ts';

const check = (more: Partial<DataCheckView> = {}): DataCheckView => ({
  stack: 'shop',
  service: 'db',
  containerName: 'shop-db-1',
  takenAt: Date.UTC(2026, 0, 2, 3, 4, 5),
  marker: { engine: 'postgres', systemIdentifier: '73', position: '1/AB', relations: [] },
  outcome: { kind: 'pending' },
  trouble: undefined,
  ends: 0,
  ...more,
});

const container = (state: DiscoveredService['container']['state']): DiscoveredService => ({
  stack: 'shop',
  service: 'db',
  dependsOn: [],
  container: {
    id: 'id',
    name: 'shop-db-1',
    image: 'postgres:17',
    labels: {},
    state,
    health: 'none',
    restartPolicy: 'always',
    startedAt: 0,
    exitCode: 0,
    error: '',
    restartCount: 0,
    pid: 1,
    env: [],
    command: [],
    mounts: [],
  },
});

const picture = (checks: DataCheckView[], more: Partial<Picture> = {}): Picture => ({
  engine: { kind: 'reachable', version: '26', services: [container('running')] },
  quiesce: { state: 'idle', unthawed: [] },
  databases: [],
  data: { hasManifest: true, checks },
  probes: [],
  heal: { manifest: undefined, isIncomplete: false, findings: [] },
  identity: { kind: 'verified', vmid: 101 },
  missingRestartPolicy: 'unless-stopped',
  ...more,
});

const difference = { marker: 'keys of database 0', expected: 'about 9', found: '0', because: 'it was lost' };

describe('the data of a guest', () => {
  it('are unknown before its first backup, which keeps nobody waiting', () => {
    const at = picture([], { data: { hasManifest: false, checks: [] } });
    expect(dataVerified(at)).toMatchObject({ status: 'Unknown', reason: 'NoManifest' });
    expect(evaluate(at).find(({ type }) => type === 'Ready')).toMatchObject({ status: 'True' });
  });

  it('are what they were marked as, while nothing was started since', () => {
    expect(dataVerified(picture([]))).toMatchObject({ status: 'True', reason: 'NotRestarted' });
  });

  it('are verified with what was compared, and what was not', () => {
    const outcome = { kind: 'matches', compared: ['system identifier'], left: ['a.db: too big'] } as const;
    expect(
      dataVerified(
        picture([
          check({ outcome: { ...outcome, compared: [...outcome.compared], left: [...outcome.left] } }),
        ]),
      ),
    ).toEqual({
      type: 'DataVerified',
      status: 'True',
      reason: 'DataMatches',
      message: 'shop/db: system identifier as marked at 2026-01-02T03:04:05Z (not compared: a.db: too big)',
    });
  });

  it('are not verified where they differ: service, marker, expected, found and the reason', () => {
    const at = picture([
      check({ outcome: { kind: 'differs', differences: [difference], startedAt: 1 } }),
      check({ service: 'late' }),
    ]);
    expect(dataVerified(at)).toEqual({
      type: 'DataVerified',
      status: 'False',
      reason: 'DataDiffers',
      message:
        'shop/db: keys of database 0: expected about 9, found 0 (it was lost); marked at 2026-01-02T03:04:05Z',
    });
    expect(evaluate(at).find(({ type }) => type === 'Ready')).toMatchObject({
      status: 'False',
      reason: 'DataDiffers',
    });
  });

  it('are not verified where the database ends again and again, and not yet where it did once', () => {
    expect(dataVerified(picture([check({ ends: 1 })]))).toMatchObject({ status: 'Unknown' });
    const found = dataVerified(picture([check({ ends: 2 })]));
    expect(found).toMatchObject({ status: 'False', reason: 'DoesNotStart' });
    expect(found.message).toContain('shop/db: expected cluster 73 at 1/AB, as marked');
    expect(found.message).toContain('docker logs shop-db-1');
  });

  it('are awaited while it has not answered, with the reason where there is one', () => {
    expect(dataVerified(picture([check()]))).toMatchObject({
      status: 'Unknown',
      reason: 'NotComparedYet',
      message: 'shop/db: it has not answered yet',
    });
    expect(dataVerified(picture([check({ trouble: 'no psql in this image' })])).message).toBe(
      'shop/db: no psql in this image',
    );
    const away = picture([check()], { engine: { kind: 'unreachable', because: 'gone' } });
    expect(dataVerified(away).status).toBe('Unknown');
  });

  it('are not awaited of what somebody has stopped or removed', () => {
    for (const services of [[container('exited')], []]) {
      const at = picture([check()], { engine: { kind: 'reachable', version: '26', services } });
      expect(dataVerified(at)).toMatchObject({
        status: 'True',
        message: 'shop/db: does not run, and is compared when it does',
      });
    }
  });

  it('that an operator has accepted are no fault any more, and said to be accepted', () => {
    const at = picture([check({ outcome: { kind: 'accepted', differences: [difference] } })]);
    expect(dataVerified(at)).toMatchObject({ status: 'True' });
    expect(dataVerified(at).message).toContain('was accepted');
  });
});
