import type { Backup, Operation } from '@tacet/protocol';
import { expect } from 'vitest';
import { type HookHouse, leaseMs } from './hook-house.ts';

/** The newest operation of a guest, once it has ended. */
export async function settled(house: HookHouse, vmid: number): Promise<Operation> {
  let found: Operation | undefined;
  const look = async (): Promise<string | undefined> => {
    found = (await house.operations()).find((one) => one.vmid === vmid);
    return found?.state;
  };
  await expect.poll(look, { timeout: 20_000, message: house.log.join('') }).toMatch(/succeeded|failed/);
  if (found === undefined) throw new Error('it was there a moment ago');
  return found;
}

/** The newest backup of a guest, once its operation has ended too. */
export async function recorded(house: HookHouse, vmid: number): Promise<Backup> {
  await settled(house, vmid);
  const backup = (await house.backups()).find((one) => one.vmid === vmid);
  if (backup === undefined) throw new Error(`no backup of guest ${vmid} was recorded\n${house.log.join('')}`);
  return backup;
}

/** Whatever has happened: nothing in it is held, it runs, and is not frozen. */
export async function expectFree(house: HookHouse, vmid: number): Promise<void> {
  const guest = house.guest(vmid);
  await expect.poll(() => guest.quiesce.isHeld, { timeout: 2 * leaseMs }).toBe(false);
  expect({ runs: guest.isRunning, frozen: guest.isFrozen }).toEqual({ runs: true, frozen: false });
}
