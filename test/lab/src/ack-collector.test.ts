import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAckCollector } from './ack-collector.ts';

describe('openAckCollector', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tacet-ack-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('keeps whole reports in memory and in its file, and drops one that was cut off', async () => {
    const file = join(directory, 'log');
    await using collector = await openAckCollector({ file, address: '127.0.0.1', port: 0 });
    const writer = connect({ host: '127.0.0.1', port: collector.port });
    await once(writer, 'connect');
    const second = collector.next('redis', '127.0.0.1', AbortSignal.timeout(5000));
    writer.write(
      '{"runId":"a","stack":"shop","stream":"postgres","seq":1}\n' +
        '{"runId":"a","stack":"shop","stream":"redis","seq":2}\n{"runId":"a","str',
    );
    // As a guest that is killed does.
    const killed = connect({ host: '127.0.0.1', port: collector.port });
    await once(killed, 'connect');
    killed.resetAndDestroy();
    expect(await second).toMatchObject({ runId: 'a', seq: 2, guestAddress: '127.0.0.1' });
    writer.destroy();
    expect(collector.acknowledged('postgres')).toHaveLength(1);
    expect(collector.acknowledged('postgres', { guestAddress: '10.213.0.101' })).toEqual([]);
    expect(collector.acknowledged('postgres', { stack: 'engines' })).toEqual([]);
    expect(collector.acknowledged('postgres', { before: Date.now() - 60_000 })).toEqual([]);
    await collector[Symbol.asyncDispose]();
    const lines = (await readFile(file, 'utf8')).trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { seq: number }).seq)).toEqual([1, 2]);
  });

  it('gives up waiting when told to', async () => {
    await using collector = await openAckCollector({
      file: join(directory, 'log'),
      address: '127.0.0.1',
      port: 0,
    });
    await expect(collector.next('redis', '127.0.0.1', AbortSignal.timeout(20))).rejects.toThrow(/timeout/);
  });
});
