import { type Check, expectedServices, isHeld, listing, unknownWithoutEngine } from '../picture.ts';

/** What the images' and the stacks' own health checks say, where there are some, and the probes of labels. */
export const servicesHealthy: Check = (picture) => {
  const type = 'ServicesHealthy';
  if (picture.engine.kind === 'unreachable') return unknownWithoutEngine(type);
  if (isHeld(picture)) {
    return {
      type,
      status: 'True',
      reason: 'Held',
      message: 'held for a backup: a health check that fails now says nothing',
    };
  }
  const checked = expectedServices(picture).flatMap(({ stack, service, now }) => {
    const health = now?.container.state === 'running' ? now.container.health : 'none';
    return health === 'none' ? [] : [{ stack, service, what: health }];
  });
  const unhealthy = checked.filter(({ what }) => what === 'unhealthy');
  if (unhealthy.length > 0)
    return { type, status: 'False', reason: 'Unhealthy', message: listing(unhealthy) };
  const failing = picture.probes.flatMap(({ stack, service, probe, trouble }) =>
    trouble === undefined ? [] : [{ stack, service, what: `${probe}: ${trouble}` }],
  );
  if (failing.length > 0) return { type, status: 'False', reason: 'ProbeFails', message: listing(failing) };
  const starting = checked.filter(({ what }) => what === 'starting');
  if (starting.length > 0) return { type, status: 'False', reason: 'Starting', message: listing(starting) };
  return {
    type,
    status: 'True',
    reason: checked.length + picture.probes.length > 0 ? 'AllHealthy' : 'NoHealthChecks',
    message:
      `${checked.length} services with a health check are healthy` +
      (picture.probes.length > 0 ? `, ${picture.probes.length} probes by label succeed` : ''),
  };
};
