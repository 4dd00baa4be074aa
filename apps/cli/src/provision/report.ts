import { CliError } from '../cli-error.ts';
import type { LocalContext } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { configurationFor, configurationLines } from './configuration.ts';
import type { Outcome } from './provision.ts';
import { pveumLine, quote } from './pveum.ts';
import type { Request } from './request.ts';
import { describeStep, fullTokenId } from './step.ts';
import type { Wish } from './wish.ts';

/** @throws CliError `conflict` where a person has to decide first */
export function reportOutcome(
  outcome: Outcome,
  request: Request,
  showSecrets: boolean,
  context: LocalContext,
): ExitCode {
  const { plan, proofs } = outcome;
  if (context.json) context.print(JSON.stringify(asJson(outcome, request, showSecrets), null, 2));
  else textOf(outcome, request, showSecrets).forEach(context.print);
  const [obstacle] = plan.obstacles;
  if (obstacle !== undefined) {
    const messages = plan.obstacles.map(({ message }) => message).join('; ');
    const { hint } = obstacle;
    throw new CliError(`in the way: ${messages}`, exitCodes.failed, { code: 'conflict', hint });
  }
  const proven = proofs.every(({ checks }) => checks.every(({ ok }) => ok));
  if (proven) return exitCodes.ok;
  throw new CliError('a token may do more or less than it should: see the proof', exitCodes.failed, {
    code: 'conflict',
    hint: 'Do not give it to the controller. pveum user token permissions USER TOKEN shows what it has.',
  });
}

function asJson(
  { wish, plan, done, secrets, proofs, sealed }: Outcome,
  request: Request,
  showSecrets: boolean,
) {
  return {
    mode: request.mode,
    dryRun: request.dryRun,
    steps: plan.steps.map((step) => ({ ...step, pveum: pveumLine(step) })),
    changed: done.length > 0,
    obstacles: plan.obstacles,
    remarks: plan.remarks,
    tokens: wish.tokens.map(({ tokenId, secretFile }) => ({
      id: fullTokenId(wish.userId, tokenId),
      secretFile,
      ...(showSecrets && secrets.has(tokenId) && { secret: secrets.get(tokenId) }),
    })),
    sealed,
    proofs,
    configuration: configurationFor(wish),
  };
}

function textOf(outcome: Outcome, request: Request, showSecrets: boolean): string[] {
  const { wish, plan, done, secrets, proofs, sealed } = outcome;
  const lines: string[] = [];
  if (request.dryRun && plan.steps.length > 0) {
    lines.push('To do; a dry run changes nothing:');
    for (const step of plan.steps) lines.push(`  ${describeStep(step)}`, `      ${pveumLine(step)}`);
  }
  if (plan.steps.length + plan.obstacles.length === 0) {
    lines.push('Nothing to change: it is as it should be.');
  }
  for (const remark of plan.remarks) lines.push(`Note: ${remark}`);
  for (const [tokenId, secret] of showSecrets ? secrets : []) {
    lines.push(`Secret of ${fullTokenId(wish.userId, tokenId)}: ${secret}`);
  }
  for (const { id, checks } of proofs) {
    lines.push('', `Tried with ${id}:`);
    for (const { ok, what, said } of checks) lines.push(`  ${ok ? 'ok    ' : 'FAILED'}  ${what}: ${said}`);
  }
  if (request.dryRun || plan.obstacles.length > 0) return lines;
  if (secrets.size > 0) lines.push('', ...sealingLines(sealed, request));
  return done.length > 0 || request.mode === 'provision' ? [...lines, '', ...notice(wish, request)] : lines;
}

function sealingLines(sealed: boolean, { keyFile }: Pick<Request, 'keyFile'>): string[] {
  if (!sealed) return ['The new secrets lie in clear until the controller starts, which seals them.'];
  if (keyFile === undefined) return ['The new secrets are sealed.'];
  return [`The new secrets are sealed. The controller needs the key: "keyFile": ${JSON.stringify(keyFile)}`];
}

/** What the controller must be told: it reads its configuration and the secrets when it starts. */
function notice(wish: Wish, { mode, node }: Pick<Request, 'mode' | 'node'>): string[] {
  const names = Object.entries(configurationFor(wish)).flatMap(([name, value]) =>
    name === 'guestTokens' ? Object.keys(value).map((vmid) => `${name}.${vmid}`) : [name],
  );
  const entry = `the entry of node ${node} in the controller's configuration`;
  switch (mode) {
    case 'provision':
      return [
        `For ${entry}; restart the controller when it has changed:`,
        '',
        ...configurationLines(configurationFor(wish)),
        ...wish.pools.flatMap((pool) => [
          '',
          `And in "drill", beside its nodes: "pool": ${JSON.stringify(pool)}`,
        ]),
      ];
    case 'rotate':
      return [
        'Restart the controller: until then it uses the old secrets, and is refused (401).',
        `Its configuration stays as it is: ${names.join(', ')}`,
      ];
    case 'revoke':
      return [
        `Take out of ${entry}: ${names.join(', ')}`,
        'Then restart it; it does not start while a file of a secret that it names is missing.',
      ];
  }
}

/** For who has no administrator's login to give: the same, by hand. */
export function reportPrinted(
  lines: readonly string[],
  wish: Wish,
  request: Pick<Request, 'mode' | 'node'>,
  { json, print, note }: LocalContext,
): ExitCode {
  const files = wish.tokens.map(({ tokenId, secretFile }) => ({
    id: fullTokenId(wish.userId, tokenId),
    secretFile,
  }));
  if (json) {
    print(JSON.stringify({ pveum: lines, tokens: files, configuration: configurationFor(wish) }, null, 2));
    return exitCodes.ok;
  }
  note('On the node, as root:');
  lines.forEach(print);
  note(
    '\nEach `token add` shows its secret once, as `value`. Where the controller runs, paste it, then Ctrl-D:',
  );
  for (const { id, secretFile } of files) note(`install -m 600 /dev/stdin ${quote(secretFile)}   # of ${id}`);
  note('');
  notice(wish, request).forEach(note);
  return exitCodes.ok;
}
