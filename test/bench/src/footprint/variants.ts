import type { Variant } from './agent-service.ts';

const heap = ['--max-semi-space-size=1', '--max-old-space-size=64'];
const interpreted = [...heap, '--no-opt', '--no-sparkplug', '--regexp-interpret-all'];
const returned = { MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '65536', MALLOC_TOP_PAD_: '0' };
const chosen = [...interpreted, '--no-icu-timezone-data'];

/** What the flags of the unit were chosen from. */
export const variants: readonly Variant[] = [
  { name: 'no flags', flags: [], environment: {} },
  { name: 'small heap', flags: heap, environment: {} },
  { name: 'small heap, memory given back', flags: heap, environment: returned },
  { name: 'small heap, interpreted', flags: interpreted, environment: {} },
  { name: 'all three', flags: interpreted, environment: returned },
  { name: 'and no time zones: as the unit says', flags: chosen, environment: returned },
  { name: 'with --optimize-for-size', flags: [...chosen, '--optimize-for-size'], environment: returned },
  { name: 'with --single-threaded', flags: [...chosen, '--single-threaded'], environment: returned },
  {
    name: 'with a thread pool of one',
    flags: chosen,
    environment: { ...returned, UV_THREADPOOL_SIZE: '1' },
  },
];
