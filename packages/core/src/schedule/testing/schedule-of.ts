import { type ScheduleInput, scheduleSchema } from '@tacet/protocol';
import { type CompiledSchedule, compileSchedule } from '../compile-schedule.ts';

type When = ScheduleInput['when'];

/** `nightly`: every guest at 02:00 in Berlin, and whatever else is said. */
export function scheduleOf(
  input: Partial<Omit<ScheduleInput, 'when'>> & { when?: Partial<When> } = {},
): CompiledSchedule {
  return compileSchedule(
    scheduleSchema.parse({
      name: 'nightly',
      guests: { include: { all: true } },
      ...input,
      when: { event: '02:00', timeZone: 'Europe/Berlin', ...input.when },
    }),
  );
}
