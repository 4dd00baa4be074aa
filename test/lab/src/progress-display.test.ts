import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { progressDisplay } from './progress-display.ts';

function terminal(isTTY: boolean): {
  isTTY: boolean;
  columns: number;
  text: string;
  write(text: string): void;
} {
  return {
    isTTY,
    columns: 60,
    text: '',
    write(text) {
      this.text += text;
    },
  };
}

describe('progressDisplay', () => {
  it('says in a log when each phase begins and ends, without a line per detail', () => {
    const log = terminal(false);
    using display = progressDisplay(log);
    display.report({ phase: 'install', done: false, elapsedMs: 0 });
    for (let step = 0; step < 100; step += 1) {
      display.report({ phase: 'install', detail: `package ${step}`, done: false, elapsedMs: step });
    }
    display.report({ phase: 'install', done: true, elapsedMs: 61_000 });
    expect(log.text).toBe('lab: install …\nlab: 61.0 s  install\n');
  });

  it('keeps a line per running phase on a terminal, never longer than the terminal is wide', () => {
    const screen = terminal(true);
    using display = progressDisplay(screen);
    display.report({ phase: 'guest', done: false, elapsedMs: 0 });
    display.report({ phase: 'services', detail: 'x'.repeat(200), done: false, elapsedMs: 0 });
    expect(screen.text).toContain('\u001B[1F');
    const visible = stripVTControlCharacters(screen.text).split('\n');
    expect(Math.max(...visible.map((line) => line.length))).toBeLessThan(60);
    display.report({ phase: 'guest', done: true, elapsedMs: 5000 });
    expect(screen.text).toContain('5.0 s  guest\n');
  });
});
