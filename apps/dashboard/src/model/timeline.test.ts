import { describe, expect, it } from 'vitest';
import { aBackup, anOperation, aService, now } from './testing.ts';
import { phasesOf, stallChart, stepTitle } from './timeline.ts';

const steps = (...list: [name: string, at: number][]) =>
  list.map(([name, at]) => ({ name, at, message: '' }));

describe('the timeline of a backup', () => {
  it('has the five phases, with the stall from hold to thaw', () => {
    const operation = anOperation({
      steps: steps(
        ['prepared', 500],
        ['held', 600],
        ['requested', 610],
        ['snapshot', 650],
        ['archive', 700],
        ['thawed', 740],
        ['verdict', 8_000],
      ),
    });
    expect(
      phasesOf(operation).map(({ name, startedAt, endedAt, stalls }) => [name, startedAt, endedAt, stalls]),
    ).toEqual([
      ['prepare', 0, 500, false],
      ['hold', 500, 600, true],
      ['snapshot', 600, 700, true],
      ['thaw', 700, 740, true],
      ['archive', 740, 8_000, false],
    ]);
  });

  it('claims no hold where nothing was held', () => {
    const operation = anOperation({
      steps: steps(['not-held', 10], ['requested', 20], ['archive', 50], ['thawed', 60], ['verdict', 90]),
    });
    expect(phasesOf(operation).map(({ name, stalls }) => [name, stalls])).toEqual([
      ['snapshot', false],
      ['archive', false],
    ]);
  });

  it('leaves the end of the archive open while it is written', () => {
    const operation = anOperation({
      state: 'running',
      finishedAt: null,
      steps: steps(['prepared', 1], ['held', 2], ['archive', 3], ['thawed', 4]),
    });
    expect(phasesOf(operation).at(-1)).toMatchObject({ name: 'archive', startedAt: 4, endedAt: null });
  });

  it('draws every service within the hold of all, the longest stall first', () => {
    const verdict = {
      ...aBackup().verdict,
      services: [
        aService('web', { holdStartedAt: now + 50, heldAt: now + 60, thawedAt: now + 100 }),
        aService('db', { holdStartedAt: now, heldAt: now + 10, thawedAt: now + 200 }),
      ],
    };
    const chart = stallChart(verdict);
    expect(chart?.spanMs).toBe(200);
    expect(chart?.bars.map(({ service, from, to, stallMs }) => [service.service, from, to, stallMs])).toEqual(
      [
        ['db', 0, 1, 200],
        ['web', 0.25, 0.5, 50],
      ],
    );
  });

  it('draws nothing where nothing was held', () => {
    expect(stallChart({ ...aBackup().verdict, services: [] })).toBeNull();
  });
});

it('names a step that it does not know by what the controller called it', () => {
  expect(stepTitle({ name: 'storage-unknown' })).toBe('Storage unknown');
});
