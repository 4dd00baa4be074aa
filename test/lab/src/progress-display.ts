import type { LabProgress } from './types.ts';

export interface ProgressDisplay extends Disposable {
  report: (progress: LabProgress) => void;
}

export interface Terminal {
  isTTY?: boolean | undefined;
  columns?: number | undefined;
  write(text: string): unknown;
}

const heartbeatMs = 30_000;
const tickMs = 200;

/**
 * Shows phases as they go. On a terminal each running phase has one line that is kept up to date; elsewhere
 * there is a line when a phase begins, when it ends, and now and then in between. Phases that end at once
 * are not worth a line.
 */
export function progressDisplay(terminal: Terminal): ProgressDisplay {
  return terminal.isTTY ? liveDisplay(terminal) : plainDisplay(terminal);
}

interface Running {
  startedMs: number;
  detail: string;
  shownMs: number;
}

function liveDisplay(terminal: Terminal): ProgressDisplay {
  const running = new Map<string, Running>();
  let drawn = 0;
  const clear = (): string => (drawn > 0 ? `\u001B[${drawn}F\u001B[0J` : '');
  const draw = (finished = ''): void => {
    const width = Math.max(20, (terminal.columns ?? 80) - 1);
    const lines = [...running].map(([phase, { startedMs, detail }]) =>
      `${seconds(performance.now() - startedMs).padStart(6)}  ${phase}${detail ? `: ${detail}` : ''}`.slice(
        0,
        width,
      ),
    );
    terminal.write(`${clear()}${finished}${lines.map((line) => `${line}\n`).join('')}`);
    drawn = lines.length;
  };
  const timer = setInterval(draw, tickMs).unref();
  return {
    report(progress) {
      const finished = track(running, progress);
      draw(finished === undefined ? '' : finished);
    },
    [Symbol.dispose]() {
      clearInterval(timer);
      terminal.write(clear());
      drawn = 0;
    },
  };
}

function plainDisplay(terminal: Terminal): ProgressDisplay {
  const running = new Map<string, Running>();
  const timer = setInterval(() => {
    for (const [phase, state] of running) {
      if (performance.now() - state.shownMs < heartbeatMs) continue;
      state.shownMs = performance.now();
      terminal.write(
        `lab: ${phase}: still at it after ${seconds(performance.now() - state.startedMs)}, ${state.detail}\n`,
      );
    }
  }, 1000).unref();
  return {
    report(progress) {
      const known = running.has(progress.phase);
      const finished = track(running, progress);
      if (!known && !progress.done) terminal.write(`lab: ${progress.phase} …\n`);
      if (finished) terminal.write(`lab: ${finished.trimStart()}`);
    },
    [Symbol.dispose]() {
      clearInterval(timer);
    },
  };
}

/** Keeps the running phases up to date; the line of a phase that has just ended, if there is one to show. */
function track(running: Map<string, Running>, progress: LabProgress): string | undefined {
  if (progress.done) {
    running.delete(progress.phase);
    return progress.elapsedMs < 100
      ? undefined
      : `${seconds(progress.elapsedMs).padStart(6)}  ${progress.phase}\n`;
  }
  const known = running.get(progress.phase);
  if (known) known.detail = progress.detail ?? known.detail;
  else {
    const now = performance.now();
    running.set(progress.phase, {
      startedMs: now - progress.elapsedMs,
      detail: progress.detail ?? '',
      shownMs: now,
    });
  }
  return undefined;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
