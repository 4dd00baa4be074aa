export const bridge = {
  name: 'tacetlab0',
  hostAddress: '10.213.0.1',
  subnet: '10.213.0.0/16',
  prefixLength: 16,
  broadcast: '10.213.255.255',
} as const;

/** Where the stack's writer reports to, unless a guest's `.env` says otherwise. */
export const defaultAckPort = 7213;

const lowestVmid = 100;
const highestVmid = 65_534;

/** The lab's "DHCP": the address is a function of the VMID, so a copy under another VMID has another one. */
export function guestAddress(vmid: number): string {
  assertVmid(vmid);
  return `10.213.${vmid >> 8}.${vmid & 0xff}`;
}

/** MAC of a newly made guest, with the vendor prefix that Proxmox VE uses. */
export function guestMac(vmid: number): string {
  assertVmid(vmid);
  return formatMac([0xbc, 0x24, 0x11, 0x00, vmid >> 8, vmid & 0xff]);
}

/** A MAC nobody had before, for a restore with `unique`. */
export function uniqueMac(): string {
  const random = crypto.getRandomValues(new Uint8Array(3));
  // The highest bit keeps these apart from the MACs that are derived from a VMID.
  return formatMac([0xbc, 0x24, 0x11, (random[0] ?? 0) | 0x80, random[1] ?? 0, random[2] ?? 0]);
}

export function assertVmid(vmid: number): void {
  if (!Number.isInteger(vmid) || vmid < lowestVmid || vmid > highestVmid) {
    throw new RangeError(
      `a VMID of the lab is a whole number from ${lowestVmid} to ${highestVmid}, not ${vmid}`,
    );
  }
}

/** Host's end of the guest's network cable (at most 15 characters). */
export function vethName(vmid: number): string {
  return `tacetlab-${vmid}`;
}

function formatMac(bytes: readonly number[]): string {
  return bytes.map((byte) => byte.toString(16).padStart(2, '0').toUpperCase()).join(':');
}
