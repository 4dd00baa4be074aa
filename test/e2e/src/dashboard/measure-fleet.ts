// How the fleet page bears many guests: `node test/bootstrap.mjs test/e2e/src/dashboard/measure-fleet.ts`.
// The page and Chromium are real; the answers come from memory, fifty changes a second of them.
import { Undo } from '@tacet/runtime';
import type { Page } from 'playwright-core';
import { buildDashboard, chromiumObstacle, openChromium } from './chromium.ts';
import { FleetServer } from './fleet-server.ts';

const changesPerSecond = 50;
const rounds = 12;

interface Measured {
  guests: number;
  answerBytes: number;
  firstPaintMs: number;
  rowsMs: number;
  interactions: number;
  p50Ms: number;
  p95Ms: number;
  worstMs: number;
  blockedShare: number;
  heapAtFirstBytes: number;
  heapAtLastBytes: number;
  rowsInPage: number;
}

/** Notes when the first rows come, how long each interaction takes to its next paint, and what blocks. */
const observe = `
  globalThis.measured = { rowsMs: 0, interactions: [], blockedMs: 0 };
  new MutationObserver((_, observer) => {
    if (document.querySelector('.guests-row') === null) return;
    requestAnimationFrame(() => { measured.rowsMs = performance.now(); });
    observer.disconnect();
  }).observe(document, { childList: true, subtree: true });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (entry.interactionId > 0) measured.interactions.push(entry.duration);
  }).observe({ type: 'event', durationThreshold: 16, buffered: true });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) measured.blockedMs += entry.duration;
  }).observe({ type: 'longtask', buffered: true });
`;

async function measure(guests: number): Promise<Measured> {
  await using undo = new Undo();
  const server = await FleetServer.start(guests);
  undo.defer(() => server[Symbol.asyncDispose]());
  const answer = await (await fetch(`${server.url}/api/v1/guests`)).arrayBuffer();
  const browser = await openChromium(undo);
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await page.addInitScript(observe);
  await page.goto(server.url);
  await page.locator('.guests-row').first().waitFor();
  const heapAtFirstBytes = await heap(page);
  const changing = setInterval(() => server.change(), 1000 / changesPerSecond);
  undo.defer(() => clearInterval(changing));

  const startedAt = Date.now();
  const blockedBefore = await page.evaluate<number>('measured.blockedMs');
  for (let round = 0; round < rounds; round += 1) {
    await page.getByRole('searchbox').pressSequentially(`guest-${round % 10}`, { delay: 120 });
    await page.getByRole('searchbox').press('Escape');
    await page.getByRole('searchbox').fill('');
    await page
      .getByRole('button', { name: ['Guest', 'Age', 'Stall', 'Readiness'][round % 4] ?? '', exact: true })
      .click();
    await page.mouse.wheel(0, 4000);
    await page.waitForTimeout(500);
    await page.getByLabel('Group by').selectOption(['node', 'none'][round % 2] ?? 'node');
    await page.waitForTimeout(500);
  }
  const elapsedMs = Date.now() - startedAt;
  const seen = await page.evaluate<{
    rowsMs: number;
    interactions: number[];
    blockedMs: number;
  }>('measured');
  const firstPaintMs = await page.evaluate<number>(
    "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0",
  );
  const sorted = seen.interactions.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return {
    guests,
    answerBytes: answer.byteLength,
    firstPaintMs,
    rowsMs: seen.rowsMs,
    interactions: sorted.length,
    p50Ms: at(0.5),
    p95Ms: at(0.95),
    worstMs: sorted.at(-1) ?? 0,
    blockedShare: (seen.blockedMs - blockedBefore) / elapsedMs,
    heapAtFirstBytes,
    heapAtLastBytes: await heap(page),
    rowsInPage: await page.locator('.guests-row').count(),
  };
}

/** After a collection: what is really kept. */
async function heap(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  await session.detach();
  return usedSize;
}

const obstacle = chromiumObstacle();
if (obstacle === undefined) {
  buildDashboard();
  for (const guests of [10, 2000]) console.log(JSON.stringify(await measure(guests)));
} else {
  console.error(`Nothing was measured: ${obstacle}.`);
  process.exitCode = 1;
}
