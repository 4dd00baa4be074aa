import { type AccessApi, ProxmoxError } from '@tacet/proxmox';
import { type KeyRing, tokenSecretFile } from '@tacet/runtime/sealing';
import { rm } from 'node:fs/promises';
import { reserveSecret } from './secret-files.ts';
import { fullTokenId, type Step } from './step.ts';

/**
 * Takes one step. It is not cut short by Ctrl-C: between a token and the file of its secret there is no good
 * place to stop.
 * @param keys what a secret is sealed with; in clear without
 * @returns the secret of a new token
 */
export async function perform(
  step: Step,
  access: AccessApi,
  keys: KeyRing | undefined,
): Promise<string | undefined> {
  switch (step.kind) {
    case 'create-role':
      return await access.createRole(step.role, step.privileges);
    case 'set-role':
      return await access.setRole(step.role, step.privileges);
    case 'create-pool':
      return await createPool(step, access);
    case 'create-user':
      return await access.createUser(step.userId, { comment: step.comment });
    case 'create-token':
      return await createToken(step, access, keys);
    case 'delete-token':
      return await access.deleteToken(step.userId, step.tokenId);
    case 'grant': {
      const { path, role, users, tokens, propagate } = step;
      return await access.grant({
        path,
        role,
        propagate,
        ...(users.length > 0 && { users }),
        ...(tokens.length > 0 && { tokens }),
      });
    }
    case 'withdraw':
      return await access.withdraw({ path: step.path, role: step.role, users: [step.userId] });
    case 'remove-secret':
      return await rm(step.secretFile, { force: true }).then(() => undefined);
  }
}

/** Who may make a pool is not always shown those that are there. */
async function createPool(
  { pool, comment }: Extract<Step, { kind: 'create-pool' }>,
  access: AccessApi,
): Promise<undefined> {
  try {
    await access.createPool(pool, { comment });
  } catch (error) {
    if (!(error instanceof ProxmoxError && error.message.includes(`pool '${pool}' already exists`)))
      throw error;
  }
}

type CreateToken = Extract<Step, { kind: 'create-token' }>;

/** A token whose secret nobody has is of no use to anybody: it does not stay. */
async function createToken(
  { userId, tokenId, comment, secretFile }: CreateToken,
  access: AccessApi,
  keys: KeyRing | undefined,
): Promise<string> {
  await using room = await reserveSecret(secretFile);
  try {
    const secret = await access.createToken(userId, tokenId, { comment });
    const { purpose } = tokenSecretFile(secretFile, fullTokenId(userId, tokenId));
    await room.write(keys === undefined ? secret : keys.seal(purpose, secret));
    return secret;
  } catch (error) {
    const wasRefused = error instanceof ProxmoxError && !error.mayHaveStarted;
    if (!wasRefused) await discard(userId, tokenId, access);
    throw error;
  }
}

async function discard(userId: string, tokenId: string, access: AccessApi): Promise<void> {
  try {
    await access.deleteToken(userId, tokenId);
  } catch (error) {
    // Not there: the better. Out of reach: the next run finds it without its secret and says what to do.
    if (!(error instanceof ProxmoxError)) throw error;
  }
}
