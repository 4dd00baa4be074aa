import type { SecretFile } from './secret-file.ts';

/** @param tokenId `USER@REALM!TOKENID` */
export function tokenSecretFile(path: string, tokenId: string): SecretFile {
  return {
    path,
    purpose: `proxmox-token ${tokenId}`,
    ifLost: `make a new secret for ${tokenId}: tacet pve provision --rotate.`,
  };
}
