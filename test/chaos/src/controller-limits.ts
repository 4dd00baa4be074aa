import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ControllerConfigInput } from '@tacet/controller';
import type { LabStage } from '@tacet/demo';

type Limits = Pick<ControllerConfigInput, 'prepareDeadlineMs' | 'holdDeadlineMs' | 'leaseMs'>;

/** As an operator does it: other numbers in the controller's configuration, and a restart. */
export async function limitController({ controller }: LabStage, limits: Limits): Promise<void> {
  const file = join(dirname(controller.logFile), 'controller.json');
  const config: object = JSON.parse(await readFile(file, 'utf8'));
  await writeFile(file, JSON.stringify({ ...config, ...limits }, null, 2));
  await controller[Symbol.asyncDispose]();
  await controller.start(new AbortController().signal);
}
