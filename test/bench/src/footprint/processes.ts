import type { Guest } from '@tacet/lab';

/** Of all processes of a unit: in MiB, per cent of one processor, and per second. */
export interface Footprint {
  proportional: number;
  resident: number;
  private: number;
  cpuPercent: number;
  wakeups: number;
}

const unitsCgroup = '/sys/fs/cgroup/system.slice';

/** What has been used so far, to be taken from what has been used later. */
interface Used {
  atMs: number;
  cpuUs: number;
  switches: number;
}

/** Over the time from one look at them to the next. */
export class Watched {
  readonly #guest: Guest;
  readonly #units: readonly string[];
  #before: Map<string, Used> | undefined;

  constructor(guest: Guest, units: readonly string[]) {
    this.#guest = guest;
    this.#units = units;
  }

  /** Of each unit, in the order of the units; nothing at the first look. */
  async look(): Promise<Footprint[]> {
    const text = await output(this.#guest, ['sh', '-c', lookScript, 'sh', ...this.#units]);
    const sections = text.split(/^== /m).slice(1);
    const before = this.#before;
    const now = new Map(sections.map((section) => [nameOf(section), usedIn(section)]));
    this.#before = now;
    return sections.flatMap((section) => {
      const first = before?.get(nameOf(section));
      const last = now.get(nameOf(section));
      if (!first || !last) return [];
      const passedMs = last.atMs - first.atMs;
      return {
        proportional: sum(section, /^Pss: +(\d+) kB$/gm) / 1024,
        resident: sum(section, /^Rss: +(\d+) kB$/gm) / 1024,
        private: sum(section, /^Private_(?:Clean|Dirty): +(\d+) kB$/gm) / 1024,
        cpuPercent: ((last.cpuUs - first.cpuUs) / 1000 / passedMs) * 100,
        wakeups: (last.switches - first.switches) / (passedMs / 1000),
      };
    });
  }
}

/** All that is asked is asked in one process, so that asking is not what is measured. */
const lookScript = `for unit in "$@"; do
  echo "== $unit"
  echo "at $(cut -d' ' -f1 /proc/uptime)"
  cat ${unitsCgroup}/$unit.service/cpu.stat
  for pid in $(cat ${unitsCgroup}/$unit.service/cgroup.procs); do
    cat /proc/$pid/smaps_rollup /proc/$pid/task/*/status
  done
done`;

function nameOf(section: string): string {
  return section.slice(0, section.indexOf('\n'));
}

function usedIn(section: string): Used {
  return {
    atMs: sum(section, /^at ([\d.]+)$/gm) * 1000,
    cpuUs: sum(section, /^usage_usec (\d+)$/gm),
    // A thread that waits and is woken has given the processor away by itself.
    switches: sum(section, /^voluntary_ctxt_switches:\s+(\d+)$/gm),
  };
}

/** @throws Error where there is nothing of it: a process has ended, or the kernel does not say. */
function sum(section: string, pattern: RegExp): number {
  const found = [...section.matchAll(pattern)].map(([, value]) => Number(value));
  if (found.length === 0) throw new Error(`${nameOf(section)}: nothing like ${pattern.source}`);
  return found.reduce((total, value) => total + value, 0);
}

/** @throws Error with what the program complained of. */
export async function output(guest: Guest, argv: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await guest.exec(argv);
  if (exitCode !== 0) throw new Error(`${argv.join(' ')}: ${stderr || stdout}`);
  return stdout.trim();
}
