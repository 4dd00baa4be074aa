import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readAgentFrame, readControllerFrame, supportedProtocolVersions } from '@tacet/protocol';
import { describe, expect, it } from 'vitest';
import { withLaterFields } from './next-minor.ts';
import { recordedSessions } from './recorded-session.ts';
import {
  checksums,
  currentFormats,
  currentRelease,
  formatsSchema,
  recordedReleases,
  released,
  releaseFolder,
  sumsFile,
} from './releases.ts';

const versions = await recordedReleases();
const out = await released();
const command = 'node test/e2e/src/compatibility/record.ts';

describe('what was recorded', () => {
  it(`is there of this version, as it is now; otherwise: ${command}`, async () => {
    const version = await currentRelease();
    expect(versions).toContain(version);
    const formats: unknown = JSON.parse(await readFile(join(releaseFolder(version), 'formats.json'), 'utf8'));
    expect(formats).toEqual(await currentFormats());
  });

  it.each(versions)('of %s has not changed', async (version) => {
    const folder = releaseFolder(version);
    const sums = await readFile(join(folder, sumsFile), 'utf8');
    expect(await checksums(folder)).toBe(sums);
    const sum = createHash('sha256').update(sums).digest('hex');
    expect(out[version] ?? sum).toBe(sum);
  });

  it('is there of every version that is out', () => {
    expect(versions).toEqual(expect.arrayContaining(Object.keys(out)));
  });

  it.each(versions)('of %s is of a protocol that this version speaks', async (version) => {
    const text = await readFile(join(releaseFolder(version), 'formats.json'), 'utf8');
    expect(supportedProtocolVersions).toContain(formatsSchema.parse(JSON.parse(text)).protocol);
  });
});

describe.each(versions)('every frame of a session of %s', async (version) => {
  const sessions = await recordedSessions(version);

  it.each([...sessions])('is understood: %s', (_name, session) => {
    expect(session.map(({ frame }) => frame.kind)).toEqual(
      expect.arrayContaining(['hello', 'welcome', 'status']),
    );
    for (const { from, frame } of session) {
      const read = from === 'agent' ? readAgentFrame : readControllerFrame;
      const understood = read(frame);
      expect(understood).toMatchObject({ kind: 'frame' });
      // And the same with what a later minor version may say besides.
      expect(read(withLaterFields(frame))).toMatchObject({ kind: 'frame' });
    }
  });
});
