/**
 * By how much a guest's runs of a schedule begin later: whole seconds below `jitterMs`, always the same for the
 * same name and VMID, and spread evenly over guests.
 */
export function jitterOf(schedule: string, vmid: number, jitterMs: number): number {
  const seconds = Math.ceil(jitterMs / 1000);
  return seconds === 0 ? 0 : Math.floor((hash(`${schedule}/${vmid}`) / 2 ** 32) * seconds) * 1000;
}

/** FNV-1a over the UTF-16 units, with MurmurHash3's last mix: neighbouring VMIDs must not come out as neighbours. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
