import { deferred } from '@tacet/runtime';
import type Docker from 'dockerode';
import { TacetError } from '@tacet/runtime';

/** Without `exec_*`: every health check would wake whoever looks at the containers after a change. */
const interesting = [
  'create',
  'destroy',
  'die',
  'health_status',
  'pause',
  'rename',
  'restart',
  'start',
  'stop',
  'unpause',
  'update',
];

/** Events of containers, many of them as one: what matters is that something changed, not what. */
export async function* containerChanges(docker: Docker, signal: AbortSignal): AsyncGenerator<void> {
  const events = await docker.getEvents({
    filters: { type: ['container'], event: interesting },
    abortSignal: signal,
  });
  let changed = false;
  let ended = false;
  let wake = deferred();
  const notify = (): void => wake.resolve();
  const onEnd = (): void => {
    ended = true;
    notify();
  };
  events.on('data', () => {
    changed = true;
    notify();
  });
  for (const end of ['end', 'close', 'error']) events.once(end, onEnd);
  signal.addEventListener('abort', onEnd, { once: true });
  try {
    // What has changed until now nobody will be told of.
    yield;
    for (;;) {
      await wake.promise;
      wake = deferred();
      signal.throwIfAborted();
      if (changed) {
        changed = false;
        yield;
      }
      if (ended) {
        throw new TacetError('the engine ended the stream of its events', {
          code: 'engine-unreachable',
          retryable: true,
        });
      }
    }
  } finally {
    signal.removeEventListener('abort', onEnd);
    if ('destroy' in events && typeof events.destroy === 'function') events.destroy();
  }
}
