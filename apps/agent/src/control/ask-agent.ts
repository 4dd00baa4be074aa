import { request } from 'node:http';
import { wireErrorSchema } from '@tacet/protocol';
import { TacetError } from '@tacet/runtime';
import { controlSocketPath } from './control-socket.ts';

/**
 * Lets the running agent do it. @returns undefined where none runs.
 * @throws TacetError as the agent's command does.
 */
export async function askAgent(
  command: string,
  signal: AbortSignal,
  path = controlSocketPath,
): Promise<{ answer: unknown } | undefined> {
  let response: { status: number; text: string };
  try {
    response = await post(path, command, signal);
  } catch (error) {
    if (isNobodyThere(error)) return undefined;
    throw error;
  }
  const answer: unknown = JSON.parse(response.text);
  if (response.status === 200) return { answer };
  const { code, message, hint, retryable } = wireErrorSchema.parse(answer);
  throw new TacetError(message, { code, retryable, ...(hint !== undefined && { hint }) });
}

function post(path: string, command: string, signal: AbortSignal): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: path, path: `/${command}`, method: 'POST', signal }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
      );
    });
    sent.once('error', reject);
    sent.end();
  });
}

function isNobodyThere(error: unknown): boolean {
  return (
    error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ECONNREFUSED')
  );
}
