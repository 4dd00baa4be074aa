import { describe, expect, it } from 'vitest';
import { contentsOf } from './contents.ts';
import { aBackup, aGuest, aService } from './testing.ts';

const status = (service: string) => ({
  stack: 'shop',
  service,
  image: 'x',
  state: 'running',
  health: 'none',
  restartPolicy: 'always',
});

const backup = aBackup({
  verdict: {
    ...aBackup().verdict,
    services: [
      aService('db', { engine: 'PostgreSQL 17.6', method: 'postgres' }),
      aService('cache', { intactUntilThaw: false }),
    ],
    uncovered: [{ stack: 'shop', service: 'cron', reason: 'left out by its label' }],
  },
});

describe('what a restore brings back', () => {
  it('is what was seen at the snapshot, with how it stood then', () => {
    const contents = contentsOf(backup, aGuest({ services: [status('db'), status('web')] }));
    expect(
      contents?.services.map(({ service, words, wasHeld, isHereNow }) => [
        service,
        words,
        wasHeld,
        isHereNow,
      ]),
    ).toEqual([
      ['cache', 'no longer held at the thaw: as after a power cut', false, false],
      ['cron', 'not held: left out by its label', false, false],
      ['db', 'held by postgres', true, true],
    ]);
  });

  it('is not what came later', () => {
    expect(contentsOf(backup, aGuest({ services: [status('db'), status('web')] }))?.onlyNow).toEqual([
      'shop/web',
    ]);
  });

  it('is what the manifest names, with what healing makes of it', () => {
    const one = { stack: 'shop', image: 'postgres:17', state: 'running', restartPolicy: 'always' } as const;
    const comingBack = [
      { ...one, service: 'db' },
      { ...one, service: 'web', image: 'nginx:1', restartPolicy: 'no' as const },
      { ...one, service: 'old', image: 'app:1', state: 'exited' as const },
    ];
    const verdict = { ...backup.verdict, comingBack };
    const contents = contentsOf(aBackup({ verdict }), aGuest({ services: [status('db')] }));
    expect(contents?.services.map(({ service, what, words }) => [service, what, words])).toEqual([
      ['db', 'PostgreSQL 17.6', 'runs again, held by postgres'],
      ['old', 'app:1', 'stays stopped, as it was'],
      ['web', 'nginx:1', 'runs again, and is given a restart policy'],
    ]);
  });

  it('is not known where no agent was there to see it', () => {
    const { verdict } = aBackup();
    expect(contentsOf(aBackup({ verdict: { ...verdict, services: [] } }), aGuest())).toBeNull();
  });
});
