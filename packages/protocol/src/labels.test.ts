import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { labelsSchema, readLabels } from './labels.ts';

describe('labels', () => {
  it('are read without those of others', () => {
    expect(
      readLabels({
        'com.docker.compose.project': 'shop',
        'tacet.method': 'redis',
        'tacet.redis.budget': '2s',
        'tacet.exec.timeout': '500ms',
      }),
    ).toEqual({
      labels: { 'tacet.method': 'redis', 'tacet.redis.budget': 2_000, 'tacet.exec.timeout': 500 },
      problems: [],
    });
  });

  it('are told one by one when they are wrong, and the right ones count', () => {
    const { labels, problems } = readLabels({
      'tacet.method': 'postgers',
      'tacet.redis.budget': 'soon',
      'tacet.pollicy': 'stop',
      'tacet.policy': 'stop',
    });
    expect(labels).toEqual({ 'tacet.policy': 'stop' });
    expect(problems).toEqual([
      expect.stringMatching(/^label tacet\.method=postgers: .*postgres/),
      'label tacet.redis.budget=soon: a duration such as 500ms or 30s',
      'label tacet.pollicy is not known',
    ]);
  });

  it('have a schema that editors understand', async () => {
    const schema = {
      $id: 'tacet-labels',
      title: 'Labels of Tacet on a service of a compose file',
      ...z.toJSONSchema(labelsSchema, { io: 'input' }),
    };
    const file = resolve(import.meta.dirname, '../../../docs/reference/labels.schema.json');
    await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot(file);
  });
});
