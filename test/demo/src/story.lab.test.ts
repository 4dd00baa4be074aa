import { labObstacle, openLab } from '@tacet/lab';
import { describe, expect, it } from 'vitest';
import { openApi } from './api.ts';
import { openLabStage } from './lab/lab-stage.ts';
import { Narrator } from './narrator.ts';
import { tell } from './story.ts';

const obstacle = labObstacle();

describe.skipIf(obstacle !== undefined)(
  `the story in the lab${obstacle ? ` (skipped: ${obstacle})` : ''}`,
  () => {
    it('is told to its good end with real guests', async () => {
      const signal = AbortSignal.timeout(590_000);
      await using lab = await openLab({ signal });
      await using stage = await openLabStage({ lab, signal });
      await using api = await openApi(stage.controllerFile);
      const summary = await tell(stage, api, new Narrator(process.stdout), signal);
      expect(summary.checks.filter(({ passed }) => !passed)).toEqual([]);
      expect(summary).toMatchObject({ passed: true, simulated: false });
    });
  },
);
