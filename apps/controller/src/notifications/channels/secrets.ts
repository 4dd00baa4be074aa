import { Undelivered } from './undelivered.ts';

/** What a channel knows and nobody else may, by its name. */
export type Secrets = Readonly<Record<string, string>>;

/** @throws Undelivered */
export function needed(secrets: Secrets, name: string): string {
  const secret = secrets[name];
  if (secret !== undefined) return secret;
  throw new Undelivered(`the channel has no ${name}`, {
    refused: true,
    hint: `Put it again with its ${name}.`,
  });
}
