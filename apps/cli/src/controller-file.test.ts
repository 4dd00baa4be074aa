import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { readControllerFile } from './controller-file.ts';
import { exitCodes } from './exit-codes.ts';

const access = { url: 'https://127.0.0.1:8443', fingerprint: Array(32).fill('AA').join(':'), token: 't' };

describe('access to a controller', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tacet-cli-'));
    return () => rm(directory, { recursive: true });
  });
  const place = (name: string): string => join(directory, name);

  it('is found in the first of the usual places that has it', async () => {
    await writeFile(place('second'), JSON.stringify(access));
    expect(await readControllerFile(undefined, [place('first'), place('second')])).toEqual(access);
  });

  it('is taken from the file that was named, and from no other', async () => {
    await writeFile(place('usual'), JSON.stringify(access));
    await expect(readControllerFile(place('named'), [place('usual')])).rejects.toMatchObject({
      exitCode: exitCodes.usage,
    });
  });

  it('that is nowhere says where to put it', async () => {
    await expect(readControllerFile(undefined, [place('nowhere')])).rejects.toMatchObject({
      hint: expect.stringContaining(place('nowhere')),
    });
  });

  it.each([
    ['without encryption', { ...access, url: 'http://127.0.0.1:8443' }],
    ['without a pin', { ...access, fingerprint: '' }],
  ])('%s is refused', async (_, content) => {
    await writeFile(place('bad'), JSON.stringify(content));
    await expect(readControllerFile(place('bad'))).rejects.toMatchObject({ code: 'no-controller' });
  });
});
