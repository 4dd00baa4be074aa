import type { Duplex } from 'node:stream';
import { Writable } from 'node:stream';
import { orAborted, TacetError } from '@tacet/runtime';
import type Docker from 'dockerode';
import type { ExecRequest, ExecResult } from './engine.ts';

/** Enough for any answer that a method reads; what comes beyond is thrown away, not kept. */
const maxOutputBytes = 1024 * 1024;

/**
 * Starts a process in a container and takes over the connection (`Connection: Upgrade`), so that its input
 * can be closed on its own. Docker multiplexes stdout and stderr on it.
 */
export async function startExec(
  docker: Docker,
  containerId: string,
  request: ExecRequest,
  withStdin: boolean,
  signal: AbortSignal,
): Promise<{ exec: Docker.Exec; stream: Duplex }> {
  const exec = await docker.getContainer(containerId).exec({
    Cmd: [...request.argv],
    Env: Object.entries(request.env ?? {}).map(([name, value]) => `${name}=${value}`),
    ...(request.user !== undefined && { User: request.user }),
    AttachStdin: withStdin,
    AttachStdout: true,
    AttachStderr: true,
    abortSignal: signal,
  });
  const started = exec.start({ hijack: true, stdin: withStdin, abortSignal: signal });
  return { exec, stream: await orAborted(started, signal, (late) => late.destroy()) };
}

/** Runs to its end. On abort the connection is closed: the process, if it goes on, talks to nobody. */
export async function runExec(
  docker: Docker,
  containerId: string,
  request: ExecRequest,
  signal: AbortSignal,
): Promise<ExecResult> {
  const { exec, stream } = await startExec(docker, containerId, request, false, signal);
  const stdout = new CappedText();
  const stderr = new CappedText();
  docker.modem.demuxStream(stream, stdout, stderr);
  try {
    await orAborted(ended(stream), signal);
  } finally {
    stream.destroy();
  }
  const { ExitCode: exitCode } = await exec.inspect({ abortSignal: signal });
  if (exitCode === null) {
    throw new TacetError('the engine closed the connection before the process had ended', {
      code: 'engine-unreachable',
      retryable: true,
    });
  }
  return { exitCode, stdout: stdout.text, stderr: stderr.text };
}

function ended(stream: Duplex): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.once('end', resolve);
    stream.once('close', resolve);
    stream.once('error', reject);
  });
}

class CappedText extends Writable {
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  get text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const kept = chunk.subarray(0, maxOutputBytes - this.#bytes);
    this.#bytes += kept.length;
    if (kept.length > 0) this.#chunks.push(kept);
    done();
  }
}
