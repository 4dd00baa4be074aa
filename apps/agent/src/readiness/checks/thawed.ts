import { type Check, isHeld, listing } from '../picture.ts';

export const thawed: Check = (picture) => {
  const { unthawed, state } = picture.quiesce;
  if (unthawed.length > 0) {
    const left = listing(unthawed.map(({ stack, service, message }) => ({ stack, service, what: message })));
    return { type: 'Thawed', status: 'False', reason: 'StillHeld', message: `could not be thawed: ${left}` };
  }
  if (isHeld(picture)) {
    return { type: 'Thawed', status: 'False', reason: 'Held', message: `${state} for a backup, on a lease` };
  }
  return { type: 'Thawed', status: 'True', reason: 'NothingHeld', message: 'nothing is held' };
};
