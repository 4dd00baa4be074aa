import type { Backup, Proof, ServiceEvidence, Verdict } from '@tacet/protocol';
import { bytesOf, durationOf, timeOf } from './moment.ts';
import { table } from './table.ts';

/** A backup's verdict in plain words, with the proof and what it cost each service. */
export function verdictLines({ verdict, volid, sizeBytes }: Backup): string[] {
  const size = sizeBytes === null ? '' : ` (${bytesOf(sizeBytes)})`;
  return [`Backup   ${volid}${size}`, ...judgementLines(verdict)];
}

/** The verdict alone, of whatever was held for. */
export function judgementLines(verdict: Verdict): string[] {
  return [
    `Verdict  ${verdict.consistency}-consistent: ${verdict.message}`,
    ...(verdict.proof === null ? [] : ['', 'Proof', ...proofLines(verdict.proof)]),
    ...stallLines(verdict.services),
    ...uncoveredLines(verdict),
  ];
}

/** Moments that the controller itself saw, in their order; none of them is the guest's word alone. */
function proofLines(proof: Proof): string[] {
  const left = durationOf(proof.leaseLeftMs);
  const seen = timeOf(proof.snapshotSeenAt);
  const snapshot =
    proof.kind === 'hook'
      ? [
          `  ${timeOf(proof.snapshotAllowedAt)}  vzdump, which had waited for that, was let go on: no snapshot can be older`,
          `  ${seen}  it called its hook with a phase that comes after the snapshot: ${proof.snapshotCall}`,
        ]
      : [
          `  ${timeOf(proof.backupRequestedAt)}  Proxmox VE was asked for it: no snapshot can be older`,
          `  ${seen}  its log showed that the snapshot exists: ${proof.snapshotLine}`,
        ];
  return [
    `  ${timeOf(proof.holdConfirmedAt)}  everything was held`,
    ...snapshot,
    `  ${timeOf(proof.thawSentAt)}  the thaw was sent, with ${left} of the lease left; it and nothing else ended the hold`,
  ];
}

/** The time in which a service's writes were blocked: as a probe saw it, else from the first hold to the thaw. */
function stallOf(service: ServiceEvidence): number | undefined {
  if (service.probeStallMs !== null) return service.probeStallMs;
  return service.thawedAt === null ? undefined : service.thawedAt - service.holdStartedAt;
}

function stallLines(services: readonly ServiceEvidence[]): string[] {
  if (services.length === 0) return [];
  const rows = services.map((service) => {
    const stall = stallOf(service);
    const words = stall === undefined ? 'not seen thawed' : durationOf(stall);
    const { stack, service: name, method, holds, engine, bytesFlushed } = service;
    const flushed = bytesFlushed === null ? '' : bytesOf(bytesFlushed);
    return [`${stack}/${name}`, method, holds.join(' + '), words, flushed, engine ?? ''];
  });
  const columns = ['service', 'method', 'held by', 'writes stalled', 'flushed before', 'engine'];
  const [header = '', ...lines] = table(columns, rows);
  return ['', `  ${header}`, ...lines.map((line) => `  ${line}`)];
}

function uncoveredLines({ uncovered }: Verdict): string[] {
  if (uncovered.length === 0) return [];
  return ['', 'Not held', ...uncovered.map((one) => `  ${one.stack}/${one.service}: ${one.reason}`)];
}
