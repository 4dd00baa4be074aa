import { Writable } from 'node:stream';
import { silentLogger } from '@tacet/runtime';
import { expect, it } from 'vitest';
import { openApi } from './api.ts';
import { Narrator } from './narrator.ts';
import { openSimulatedStage } from './simulated/simulated-stage.ts';
import { tell } from './story.ts';

it('is told to its good end with simulated guests', async () => {
  const said: string[] = [];
  const out = new Writable({
    write(text: Buffer, _encoding, done) {
      said.push(text.toString());
      done();
    },
  });
  const signal = AbortSignal.timeout(50_000);
  await using stage = await openSimulatedStage(silentLogger, signal);
  await using api = await openApi(stage.controllerFile);
  const summary = await tell(stage, api, new Narrator(out), signal);
  expect(summary.checks.filter(({ passed }) => !passed)).toEqual([]);
  expect(summary).toMatchObject({ passed: true, simulated: true });
  expect(said.join('')).toContain('verdict app');
});
