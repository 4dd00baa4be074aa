import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const callMs = 120_000;

/** Calls the installed hook script as vzdump does: without a PATH, phase, mode and VMID in its arguments. */
export class HookCaller {
  readonly #script: string;
  readonly #vmid: number;

  constructor(script: string, vmid: number) {
    this.#script = script;
    this.#vmid = vmid;
  }

  /** @throws Error where `pre-stop` does not say that services are held: nothing would be measured. */
  async call(phase: string): Promise<void> {
    const { stdout } = await run('/bin/sh', [this.#script, phase, 'snapshot', String(this.#vmid)], {
      cwd: '/',
      timeout: callMs,
      env: { LC_ALL: 'C', STOREID: 'local', VMTYPE: 'lxc', HOSTNAME: 'bench' },
    });
    const said = stdout.split('\n').filter((line) => line !== '');
    for (const line of said) console.error(`  ${line}`);
    if (phase === 'pre-stop' && !said.some((line) => line.includes('held'))) {
      throw new Error(`the hook held nothing: ${stdout || 'it said nothing'}`);
    }
  }
}
