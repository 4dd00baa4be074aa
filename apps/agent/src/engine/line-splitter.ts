import { StringDecoder } from 'node:string_decoder';

/** A line longer than this is cut: nothing that Tacet reads has such lines. */
const maxLineLength = 1024 * 1024;

/** Turns chunks of bytes into whole lines, without their ends (`\n` or `\r\n`). */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(chunk: Buffer): void {
    const parts = (this.#rest + this.#decoder.write(chunk)).split('\n');
    this.#rest = (parts.pop() ?? '').slice(-maxLineLength);
    for (const line of parts) this.#onLine(line.endsWith('\r') ? line.slice(0, -1) : line);
  }
}
