import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Guest } from '@tacet/protocol';
import { Undo } from '@tacet/runtime';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectAccessible } from './axe.ts';
import { buildDashboard, chromiumObstacle, openChromium, pictures } from './chromium.ts';
import { aGuest, FleetServer } from './fleet-server.ts';

const obstacle = chromiumObstacle();
const skipped = obstacle === undefined ? '' : ` (skipped: ${obstacle})`;
const hour = 3_600_000;

/** Twelve guests on real and simulated nodes, one of each trouble among them. */
function fleet(): Guest[] {
  const now = Date.now();
  const run = {
    dueAt: now - 9.5 * hour,
    state: 'failed',
    message: 'the storage local is full',
    operationId: null,
  } as const;
  return Array.from({ length: 12 }, (_, index): Guest => {
    const guest = aGuest(index);
    const { lastBackup } = guest;
    const isLate = index === 3;
    const place = {
      node: `pve${(index % 2) + 1}`,
      name: `guest-${100 + index}`,
      tags: index % 3 === 0 ? ['prod', 'eu'] : ['lab'],
      pool: index < 4 ? 'shops' : null,
    };
    const nightly = { name: 'nightly', enabled: true, nextAt: now + 15 * hour, lastRun: isLate ? run : null };
    return {
      ...guest,
      place,
      schedules: index === 5 ? [] : [nightly],
      simulated: index % 4 === 0,
      connected: index !== 7,
      backupReady: {
        status: index === 8 ? 'False' : 'True',
        reason: index === 8 ? 'StorageMissing' : 'NothingFound',
        message: index === 8 ? 'the storage local holds no backups' : 'nothing stands in its way',
        examinedAt: now,
      },
      lastBackup:
        lastBackup === null || index === 9
          ? null
          : { ...lastBackup, finishedAt: isLate ? now - 33.5 * hour : now - index * hour },
    };
  });
}

describe.skipIf(obstacle !== undefined)(`the fleet in all its states${skipped}`, { timeout: 120_000 }, () => {
  const undo = new Undo();
  let server: FleetServer;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    buildDashboard();
    if (pictures !== undefined) await mkdir(pictures, { recursive: true });
    server = await FleetServer.start(fleet());
    undo.defer(() => server[Symbol.asyncDispose]());
    browser = await openChromium(undo);
    const context = await browser.newContext({ baseURL: server.url, viewport: { width: 1280, height: 800 } });
    page = await context.newPage();
    page.setDefaultTimeout(20_000);
  });
  afterAll(() => undo[Symbol.asyncDispose]());

  async function look(what: string): Promise<void> {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await expectAccessible(page, `${what}, ${colorScheme}`);
      for (const width of [390, 1280, 2560]) {
        await page.setViewportSize({ width, height: width < 800 ? 844 : 900 });
        const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
        expect(overflow, `${what} at ${width} px scrolls sideways`).toBeLessThanOrEqual(0);
        if (pictures === undefined) continue;
        const path = join(pictures, `${what}-${colorScheme}-${width}.png`);
        await page.screenshot({ path, fullPage: true, animations: 'disabled' });
      }
      await page.setViewportSize({ width: 1280, height: 800 });
    }
  }

  const row = (vmid: number) => page.locator('.guests-row').filter({ hasText: `${vmid}` });

  it('says of a backup that is overdue since when, and why', async () => {
    await page.goto('/');
    await row(103).waitFor();
    expect(await row(103).locator('.cell-age').innerText()).toMatch(/^33 h overdue$/);
    expect(await row(103).innerText()).toContain('backup overdue for 9 h');
    expect(await row(101).locator('.cell-age').innerText()).not.toContain('overdue');
    await look('fleet-many');
    await page.getByLabel('Show').selectOption('overdue');
    await expect.poll(() => page.locator('.guests-row').count()).toBe(1);
  });

  it('shows a guest under each of its tags, and marks what is simulated', async () => {
    await page.goto('/?group=tag');
    await row(100).first().waitFor();
    expect(await page.locator('.guests-node').allInnerTexts()).toEqual([
      expect.stringMatching(/^eu 4 guests$/),
      expect.stringMatching(/^lab 8 guests$/),
      expect.stringMatching(/^prod 4 guests$/),
    ]);
    expect(await row(100).count()).toBe(2);
    expect(await row(100).first().getByText('simulated').count()).toBe(1);
    expect(await row(101).getByText('simulated').count()).toBe(0);
    await page.getByLabel('Group by').selectOption('pool');
    await page.getByText('in no pool').waitFor();
  });

  it('says what went wrong when it cannot be loaded, and goes on when it can', async () => {
    server.broken.add('/guests');
    await page.goto('/');
    const alert = page.getByRole('alert').filter({ hasText: 'The store does not answer.' });
    await alert.waitFor();
    await look('fleet-broken');
    server.broken.delete('/guests');
    await alert.getByRole('button', { name: 'Try again' }).click();
    await row(103).waitFor();
    expect(await alert.count()).toBe(0);
  });

  it('keeps the room of what is still to come', async () => {
    const held = Promise.withResolvers<void>();
    await page.route('**/api/v1/guests', async (route) => {
      await held.promise;
      await route.continue();
    });
    await page.goto('/');
    await page.getByRole('status', { name: 'Loading' }).first().waitFor();
    await look('fleet-loading');
    held.resolve();
    await row(103).waitFor();
    expect(await page.getByRole('status', { name: 'Loading' }).count()).toBeLessThan(2);
    await page.unrouteAll();
  });

  it('has a page for what is not there', async () => {
    await page.goto('/nowhere');
    await page.getByRole('heading', { level: 1 }).waitFor();
    await look('not-found');
    expect(await page.getByRole('link', { name: /fleet/i }).count()).toBeGreaterThan(0);
  });
});
