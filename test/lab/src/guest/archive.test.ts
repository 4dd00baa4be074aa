import { describe, expect, it } from 'vitest';
import { archiveArgv, parseArchivedConfig, parseTotal, renderArchivedConfig } from './archive.ts';

describe('an archive', () => {
  it('leaves out what vzdump leaves out, and nothing else', () => {
    const excluded = archiveArgv('/staging', '/tree').filter((argument) => argument.startsWith('--exclude'));
    expect(excluded).toEqual(['--exclude=./tmp/?*', '--exclude=./var/tmp/?*', '--exclude=./var/run/?*.pid']);
  });

  it('keeps ids as numbers, ACLs, and the attributes that Docker and file capabilities live in', () => {
    expect(archiveArgv('/staging', '/tree')).toEqual(
      expect.arrayContaining([
        '--numeric-owner',
        '--acls',
        '--xattrs-include=user.*',
        '--xattrs-include=security.capability',
        '--one-file-system',
      ]),
    );
  });

  it('carries hostname, MAC and memory of its guest', () => {
    const config = { hostname: 'shop', mac: 'BC:24:11:00:00:65', memoryMb: 2048 };
    expect(parseArchivedConfig(renderArchivedConfig(config))).toEqual(config);
    expect(() => parseArchivedConfig('hostname: shop\n')).toThrow(/memory/);
  });

  it('knows how much was read from what tar says, and does not guess', () => {
    expect(parseTotal('tar: x: file removed\nTotal bytes written: 10240 (10KiB, 17MiB/s)\n')).toBe(10_240);
    expect(() => parseTotal('tar: killed')).toThrow(/did not say/);
  });
});
