import { type Check, isHeld, listing, unknownWithoutEngine } from '../picture.ts';

/** Every database was asked itself, because a running container is not yet a database that answers. */
export const databasesAccepting: Check = (picture) => {
  const type = 'DatabasesAccepting';
  if (picture.engine.kind === 'unreachable') return unknownWithoutEngine(type);
  const held = isHeld(picture) ? ' (held for a backup: asked before)' : '';
  const refusing = picture.databases.filter(({ accepting }) => !accepting);
  if (refusing.length > 0) {
    const message = listing(
      refusing.map(({ stack, service, message }) => ({ stack, service, what: message })),
    );
    return { type, status: 'False', reason: 'NotAccepting', message: message + held };
  }
  const count = picture.databases.length;
  return count === 0
    ? {
        type,
        status: 'True',
        reason: 'NoDatabases',
        message: `no database that Tacet knows runs here${held}`,
      }
    : { type, status: 'True', reason: 'AllAccepting', message: `${count} databases accept work${held}` };
};
