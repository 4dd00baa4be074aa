import type { ServiceMarker } from '@tacet/protocol';
import { runWithin } from '@tacet/runtime';
import type { EngineMethod, MethodPorts, MethodTarget } from './method.ts';

/** Thousands of relations are looked at in a tenth of that. */
const markerMs = 5_000;

/**
 * At the end of a service's preparation, while writes go on. Undefined where its engine has no marker, or does not
 * give one in time: a backup is made all the same, and its copy says that nothing could be compared.
 */
export async function takeMarker(
  { stack, service, container }: MethodTarget,
  method: EngineMethod,
  { clock, logger }: Pick<MethodPorts, 'clock' | 'logger'>,
  signal: AbortSignal,
): Promise<ServiceMarker | undefined> {
  if (!method.marker) return undefined;
  const takenAt = Math.round(clock.now());
  try {
    const what = `the marker of ${stack}/${service}`;
    const marker = await runWithin(signal, markerMs, what, async (within) => method.marker?.(within), {
      clock,
    });
    return (
      marker && {
        stack,
        service,
        containerId: container.id,
        containerName: container.name,
        takenAt,
        marker,
      }
    );
  } catch (error) {
    signal.throwIfAborted();
    logger.warn('no marker could be taken', { stack, service, error });
    return undefined;
  }
}
