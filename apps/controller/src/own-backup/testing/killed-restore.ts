/**
 * node killed-restore.ts BACKUP CONFIG MOVES – restores a controller, and is killed before the move after so many.
 */
import { rename } from 'node:fs/promises';
import { restoreStore } from '../restore-store.ts';

const [file = '', configPath = '', moves = '0'] = process.argv.slice(2);
let left = Number(moves);

await restoreStore({
  file,
  configPath,
  now: new Date(),
  move: async (from, to) => {
    if (left === 0) process.kill(process.pid, 'SIGKILL');
    left -= 1;
    await rename(from, to);
  },
});
process.stdout.write('whole');
