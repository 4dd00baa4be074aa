import { z } from 'zod';

/** As far as the conversion looks. */
const quiesceV1Schema = z.looseObject({
  holds: z.array(z.looseObject({ method: z.enum(['postgres', 'redis', 'freeze', 'pause', 'stop']) })),
});

/** Version 1 had one hold per container and no order: PostgreSQL was frozen, Redis paused by its own command. */
export function fromQuiesceV1(old: unknown): unknown {
  const { holds, ...rest } = quiesceV1Schema.parse(old);
  const step = holds.map((hold) => ({ ...hold, action: actionOf(hold.method) }));
  return { ...rest, version: 2, steps: [step] };
}

function actionOf(method: 'postgres' | 'redis' | 'freeze' | 'pause' | 'stop'): string {
  if (method === 'redis') return 'lock';
  return method === 'postgres' ? 'freeze' : method;
}
