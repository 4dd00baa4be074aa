import {
  type Check,
  expectedServices,
  isHeld,
  listing,
  type Picture,
  unknownWithoutEngine,
} from '../picture.ts';

/** Each service that should run does. While healing that is the manifest's word. */
export const stacksRunning: Check = (picture) => {
  const type = 'StacksRunning';
  if (picture.engine.kind === 'unreachable') return unknownWithoutEngine(type);
  const lost = notBroughtBack(picture);
  if (lost.length > 0) {
    return { type, status: 'False', reason: 'NotBroughtBack', message: listing(lost) };
  }
  const expected = expectedServices(picture);
  const down = expected.flatMap(({ stack, service, now }) => {
    const what = now?.container.state ?? 'its container is gone';
    if (what === 'running' || (what === 'paused' && isHeld(picture))) return [];
    return [{ stack, service, what }];
  });
  if (down.length > 0) {
    const reason = picture.heal.manifest === undefined ? 'NotRunning' : 'Healing';
    return { type, status: 'False', reason, message: listing(down) };
  }
  const held = isHeld(picture) ? ', held for a backup' : '';
  return { type, status: 'True', reason: 'AllRunning', message: `${expected.length} services run${held}` };
};

/** Heal's findings, without those that somebody has brought back since. */
function notBroughtBack({ heal, engine }: Picture) {
  if (engine.kind === 'unreachable') return [];
  const runs = ({ stack, service }: { stack: string; service: string }) =>
    engine.services.some(
      (now) => now.stack === stack && now.service === service && now.container.state === 'running',
    );
  return heal.findings
    .filter((finding) => !runs(finding))
    .map(({ stack, service, because }) => ({ stack, service, what: because }));
}
