import type { Proof, Verdict } from '@tacet/protocol';
import { stallMs } from './quiesce-window.ts';

/** One line for the notes of a backup, as Proxmox VE's own interface shows them. */
export function notesLine(verdict: Verdict): string {
  const { consistency, message, proof, services } = verdict;
  if (consistency !== 'app' || proof === null) return `tacet: ${consistency}-consistent: ${message}`;
  const stalls = services.map((service) => stallMs(service) ?? 0);
  const held = `${services.length} ${services.length === 1 ? 'service' : 'services'} held`;
  return `tacet: app-consistent, ${held} ${Math.max(...stalls)} ms, proof: ${describeProof(proof)}`;
}

export function isNotesLine(line: string): boolean {
  return /^tacet: (?:app|crash|unknown)-consistent[:,] /.test(line);
}

/** The chain of moments, each as seen by the controller. */
function describeProof(proof: Proof): string {
  const chain = [
    `held ${time(proof.holdConfirmedAt)}`,
    proof.kind === 'hook'
      ? `let go on ${time(proof.snapshotAllowedAt)}`
      : `requested ${time(proof.backupRequestedAt)}`,
    `snapshot seen ${time(proof.snapshotSeenAt)}`,
    `thawed ${time(proof.thawSentAt)}`,
  ];
  return `${chain.join(', ')} UTC, lease left ${proof.leaseLeftMs} ms`;
}

function time(at: number): string {
  return new Date(at).toISOString().slice(11, 23);
}
