/** A terminal, or anything else that can be written to. */
type Output = NodeJS.WritableStream & { readonly isTTY?: boolean };

/** Tells the story on a terminal or into a log. Times are since the start of the story. */
export class Narrator {
  readonly #out: Output;
  readonly #startedAt = performance.now();
  #progress = '';

  constructor(out: Output) {
    this.#out = out;
  }

  title(text: string): void {
    this.#line('');
    this.#line(this.#bold(text));
  }

  say(text: string): void {
    const seconds = ((performance.now() - this.#startedAt) / 1000).toFixed(1).padStart(6);
    this.#line(`${seconds} s  ${text}`);
  }

  /** A line that the next one replaces, on a terminal. A log gets each only once. */
  progress(text: string): void {
    if (text === this.#progress) return;
    if (this.#out.isTTY) this.#out.write(`\r\u001b[2K          ${text}`);
    else this.#out.write(`          ${text}\n`);
    this.#progress = text;
  }

  #line(text: string): void {
    if (this.#out.isTTY && this.#progress !== '') this.#out.write('\r\u001b[2K');
    this.#progress = '';
    this.#out.write(`${text}\n`);
  }

  #bold(text: string): string {
    return this.#out.isTTY ? `\u001b[1m${text}\u001b[0m` : text;
  }
}
