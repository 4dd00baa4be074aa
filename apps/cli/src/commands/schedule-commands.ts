import { scheduleNameSchema } from '@tacet/protocol';
import type { Command } from 'commander';
import { by, parseVmids, wholeNumber } from '../arguments.ts';
import type { Actor } from '../command-table.ts';
import {
  deleteSchedule,
  listSchedules,
  previewSchedule,
  runSchedule,
  setSchedule,
  showSchedule,
} from './schedules.ts';

/** `tacet schedule …` */
export function scheduleCommands(schedule: Command, { ask }: Actor): void {
  const parseName = by(scheduleNameSchema);
  schedule
    .command('list')
    .description('every schedule, and when it is next')
    .action(() => ask(listSchedules));
  schedule
    .command('show')
    .description('one schedule, and what has become of its last runs')
    .argument('<name>', 'the schedule', parseName)
    .option('--runs <count>', 'how many', wholeNumber(1, 1_000), 20)
    .action((name: string, { runs }: { runs: number }) =>
      ask((context) => showSchedule(name, runs, context)),
    );
  schedule
    .command('set')
    .description('make or change a schedule, and show whom it selects')
    .argument('<name>', 'small letters, digits, dots, dashes and underscores', parseName)
    .requiredOption('--file <file>', 'what it is, as JSON')
    .action((name: string, { file }: { file: string }) => ask((context) => setSchedule(name, file, context)));
  schedule
    .command('delete')
    .description('delete a schedule; what waits is dropped, what is under way goes on')
    .argument('<name>', 'the schedule', parseName)
    .action((name: string) => ask((context) => deleteSchedule(name, context)));
  schedule
    .command('run')
    .description('run a schedule now, whatever it says of times')
    .argument('<name>', 'the schedule', parseName)
    .argument('[vmid...]', 'only these of the guests that it selects', parseVmids, [])
    .action((name: string, vmids: number[]) => ask((context) => runSchedule(name, vmids, context)));
  schedule
    .command('preview')
    .description('its next times, which guests it selects and why, and who could not be held')
    .argument('<name>', 'the schedule', parseName)
    .action((name: string) => ask((context) => previewSchedule(name, context)));
}
