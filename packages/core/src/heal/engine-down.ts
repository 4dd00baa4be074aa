import type { HealPlan } from './situation.ts';

/** The guest's own init starts the engine, and a large one takes its time. */
const patienceMs = 20_000;

/** The plan while the engine does not answer: nothing else can be seen. */
export function planWithoutEngine(because: string): HealPlan {
  const engine = { stack: '', service: '', containerId: '', because };
  return { steps: [{ ...engine, kind: 'start-engine', patienceMs }], waiting: [], findings: [] };
}
