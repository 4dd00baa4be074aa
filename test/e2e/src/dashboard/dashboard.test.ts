import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openSimulatedHouse, type SimulatedHouse } from '@tacet/demo';
import { createLogger, jsonSink, Undo } from '@tacet/runtime';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GatedBackend } from '../recovery/gated-backend.ts';
import { expectAccessible } from './axe.ts';
import { buildDashboard, chromiumObstacle, openChromium, pictures } from './chromium.ts';

const original = 101;
const obstacle = chromiumObstacle();
const password = 'a rest is a bar of silence';
const widths = [390, 1280, 2560];
const stepDeadlineMs = 180_000;
/** As patient as the locators are. */
const soon = { timeout: 20_000 };

const skipped = obstacle === undefined ? '' : ` (skipped: ${obstacle})`;
// A story: each step goes on where the one before has ended.
describe.skipIf(obstacle !== undefined)(
  `the dashboard in Chromium${skipped}`,
  { timeout: stepDeadlineMs },
  () => {
    const undo = new Undo();
    let house: SimulatedHouse;
    let backend: GatedBackend;
    let browser: Browser;
    let page: Page;
    const complaints: string[] = [];

    beforeAll(async () => {
      buildDashboard();
      if (pictures !== undefined) await mkdir(pictures, { recursive: true });
      const log = createLogger({ sink: jsonSink((line) => process.stderr.write(line)), level: 'error' });
      house = await openSimulatedHouse(undo, {
        original,
        log,
        makeBackend: (options) => {
          backend = new GatedBackend(options);
          return backend;
        },
        configure: {
          drill: {
            vmids: { from: 900, to: 901 },
            network: { policy: 'bridge', bridge: 'vmbr0', address: 'dhcp' },
          },
        },
      });
      browser = await openChromium(undo);
      page = await newPage();
    });
    afterAll(() => undo[Symbol.asyncDispose]());

    async function newPage(): Promise<Page> {
      const context = await browser.newContext({
        ignoreHTTPSErrors: true,
        baseURL: house.controller.url,
        colorScheme: 'light',
        viewport: { width: 1280, height: 800 },
      });
      const opened = await context.newPage();
      opened.setDefaultTimeout(20_000);
      opened.on('pageerror', (error) => complaints.push(error.message));
      opened.on('console', (message) => {
        // A refusal that the page shows is no fault of the page, and Chromium reports every one.
        if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) {
          complaints.push(message.text());
        }
      });
      return opened;
    }

    const heading = (text: string | RegExp) => page.getByRole('heading', { level: 1, name: text });
    const path = (): string => new URL(page.url()).pathname;
    const button = (text: string | RegExp) => page.getByRole('button', { name: text });

    /** What has the focus, as a reader of the screen hears it. */
    const focused = (): Promise<string> =>
      page.evaluate<string>(`(() => {
        const it = document.activeElement;
        return (it.labels?.[0]?.textContent ?? it.textContent ?? '').trim();
      })()`);

    /** Presses a key until that has the focus. @throws where it never has */
    async function reach(name: string | RegExp, key = 'Tab'): Promise<void> {
      const heard: string[] = [];
      for (let presses = 0; presses < 60; presses += 1) {
        await page.keyboard.press(key);
        const words = await focused();
        if (typeof name === 'string' ? words === name : name.test(words)) return;
        heard.push(words.slice(0, 40));
      }
      throw new Error(`${String(name)} never had the focus: ${heard.join(' | ')}`);
    }

    /** In both themes: no violation for axe. At every width: nothing beside the page. And pictures for people. */
    async function look(what: string): Promise<void> {
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        for (const width of widths) {
          await page.setViewportSize({ width, height: width < 800 ? 844 : width < 2000 ? 800 : 1440 });
          const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
          expect(overflow, `${what} at ${width} px scrolls sideways`).toBeLessThanOrEqual(0);
          if (pictures === undefined) continue;
          const file = join(pictures, `${what}-${colorScheme}-${width}.png`);
          await page.screenshot({ path: file, fullPage: !what.endsWith('dialog'), animations: 'disabled' });
          // As it is when it opens.
          if (width === 1280) await page.screenshot({ path: file.replace('.png', '-opened.png') });
        }
        await page.setViewportSize({ width: 1280, height: 800 });
        await expectAccessible(page, `${what}, ${colorScheme}`);
      }
      await page.emulateMedia({ colorScheme: 'light' });
    }

    it('is set up by the link that the controller prints', async () => {
      await page.goto('/');
      await heading('Log in').waitFor();
      await page.getByText('Nobody has an account here yet').waitFor();

      await page.goto(house.controller.setupUrl?.replace(/^https:\/\/[^/]+/, '') ?? '');
      await page.reload();
      await heading('Set up Tacet').waitFor();
      await page.getByLabel('Name').fill('conductor');
      await page.getByLabel('Password').fill('too short');
      await button('Set up').click();
      await page.getByText('At least 12 characters: a few words will do.').waitFor();
      await look('setup');
      await page.getByLabel('Password').fill(password);
      await page.getByLabel('Password').press('Enter');
      await heading('No guests yet').waitFor();
      await page.getByText('No guest is enrolled yet.').waitFor();
      await look('fleet-empty');
      expect(path()).toBe('/');
    });

    it('enrols a guest with one command, and says when it has come', async () => {
      await button('Enrol a guest').click();
      await page.getByLabel('VMID').fill(String(original));
      await button('Make the command').click();
      const command = await page.locator('.command').innerText();
      expect(command).toMatch(/^tacet-agent enroll tacet-enrol-/);
      await page.getByText(`Waiting for guest ${original} to call…`).waitFor();
      await look('enrol-dialog');
      await house.guest(original).enrol(command.replace('tacet-agent enroll ', ''));
      await page.getByText(`Guest ${original} is here.`).waitFor();
      await page.getByRole('link', { name: 'Look at it' }).click();
      await page.getByText('Never backed up', { exact: true }).waitFor();
      await page.locator('.page-sub').getByText('ready', { exact: true }).waitFor();
      await look('guest-never-backed-up');
    });

    it('shows a backup while it runs, and then its verdict with the proof', async () => {
      await button('Back up now').click();
      await page.getByText('Its services are held for a moment').waitFor();
      await look('backup-dialog');
      await button('Back up').last().click();
      await heading(`Backup of guest ${original}`).waitFor();
      for (const step of ['Prepared', 'Held', 'Snapshot', 'Thawed', 'Verdict']) {
        await page.locator('.step').getByText(step, { exact: true }).waitFor();
      }
      await page.getByText(/succeeded in/).waitFor();
      await page.getByText('app-consistent').first().waitFor();
      await page.getByText('every service was held', { exact: true }).waitFor();
      await look('operation-backup');

      await page
        .getByRole('link', { name: `guest ${original}` })
        .first()
        .click();
      await page.getByRole('heading', { name: 'How long writes stood still' }).waitFor();
      await expect.poll(() => page.locator('.concerns').count(), soon).toBe(0);
      await look('guest');
    });

    it('rehearses a hold, which makes no backup', async () => {
      await button('Rehearse…').click();
      await page.getByText('thawed at once, without a backup').waitFor();
      await look('rehearse-dialog');
      await button('Rehearse').last().click();
      await heading(`Rehearsal of guest ${original}`).waitFor();
      await page.getByText(/succeeded in/).waitFor();
      await page.locator('.step').getByText('Thawed', { exact: true }).waitFor();
      await look('operation-rehearsal');
      await page.goto(`/guests/${original}`);
      await button('Thaw now…').click();
      await page.getByText('that backup will be crash-consistent').waitFor();
      await look('thaw-dialog');
      await button('Thaw now').last().click();
      await page.getByText('Nothing was held.').waitFor();
      await button('Close').click();
      expect(await page.getByRole('dialog').count()).toBe(0);
    });

    it('cancels a backup for whoever has read what becomes of it', async () => {
      const opened = backend.close('archive');
      await button('Back up now').click();
      await button('Back up').last().click();
      await opened.reached;
      await page.locator('.step').getByText('Thawed', { exact: true }).waitFor();
      await page
        .getByRole('link', { name: `guest ${original}` })
        .first()
        .click();
      await page
        .getByRole('status', { name: 'Under way' })
        .getByText(/goes on/)
        .waitFor();
      await look('guest-while-backed-up');
      await button(/^Cancel…/).click();
      await page.getByText('there will be no backup').waitFor();
      await look('cancel-dialog');
      await button('Cancel it').click();
      // It closes with the answer: the controller has it by then.
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      opened.open();
      await expect.poll(() => page.getByText(/goes on/).count(), soon).toBe(0);
      await page
        .getByRole('link', { name: `Backup of guest ${original}` })
        .first()
        .click();
      await page.getByText(/cancelled in/).waitFor();
      await page.getByText('There is no backup of it.').waitFor();
      await look('operation-cancelled');
      await page.goto(`/guests/${original}`);
    });

    it('restores it beside the original, and says when the copy is ready', async () => {
      await button('Restore…').click();
      await page.getByLabel('As guest').fill(String(original));
      await page.getByText(`There is a guest ${original} already.`).waitFor();
      await page.getByLabel('As guest').fill('201');
      await look('restore-dialog');
      await button('Restore').last().click();
      await page.locator('.step').getByText('Ready', { exact: true }).waitFor();
      await page.getByText(/succeeded in/).waitFor();
      await look('operation-restore');
      await page.getByRole('link', { name: 'guest 201' }).first().click();
      await page.locator('.page-sub').getByText('ready', { exact: true }).waitFor();
      expect(path()).toBe('/guests/201');
    });

    it('replaces the original only for whoever says so twice', async () => {
      await page.goto(`/guests/${original}`);
      await button('Restore…').click();
      await page.getByLabel('In place').check();
      expect(await button('Restore').last().isDisabled()).toBe(true);
      await page.getByLabel('Back it up first').uncheck();
      await page.getByLabel(`Type ${original} to confirm`).fill(String(original));
      await look('replace-dialog');
      await button('Restore').last().click();
      await heading(`Restore of guest ${original}`).waitFor();
      await page.getByText(/succeeded in/).waitFor();
      expect(await page.locator('.step').getByText('Ready', { exact: true }).count()).toBe(1);
    });

    it('takes a snapshot before something that may go wrong', async () => {
      await page.goto(`/guests/${original}`);
      await button('Take one…').click();
      await page.getByLabel('Before what').fill('upgrade nextcloud');
      await look('snapshot-dialog');
      await button('Take it').click();
      await heading(`Snapshot of guest ${original}`).waitFor();
      await page.getByText(/succeeded in/).waitFor();
      await page
        .getByRole('link', { name: `guest ${original}` })
        .first()
        .click();
      await page.locator('.row').getByText('upgrade nextcloud', { exact: true }).waitFor();
      expect(await button(/^Roll back…/).count()).toBe(1);
    });

    it('rolls back to it', async () => {
      await button(/^Roll back…/).click();
      await page.getByText('Everything that was written since then is lost.').waitFor();
      await look('rollback-dialog');
      await button('Roll back').last().click();
      await heading(`Rollback of guest ${original}`).waitFor();
      await page.getByText(/succeeded in/).waitFor();
      expect(await page.locator('.step').getByText('Ready', { exact: true }).count()).toBe(1);
    });

    it('drills the last backup, and says that it is restorable', async () => {
      await page.goto(`/guests/${original}`);
      await button('Drill…').click();
      await page.getByText('scratch guest that is cut off').waitFor();
      await look('drill-dialog');
      await button('Drill').last().click();
      await heading(`Drill of guest ${original}`).waitFor();
      await page.getByText(/succeeded in/).waitFor();
      await look('operation-drill');
      await page.goto(`/guests/${original}`);
      await page
        .getByText(/restorable, proven .*, ready after/)
        .first()
        .waitFor();
      await look('guest-drilled');
      expect(await page.getByText('No backup was drilled yet.').count()).toBe(0);
    });

    it('finds a copy that nobody ordered, and adopts it', async () => {
      await page.getByRole('link', { name: 'Fleet', exact: true }).click();
      const copy = house.add(301, await house.guest(original).capture());
      await copy.start();
      await heading('1 guest needs you now').waitFor();
      await look('fleet');
      await page.getByRole('table').getByRole('link', { name: /301/ }).click();
      await page.getByText('A copy that nobody ordered').waitFor();
      await look('copy');
      await button('Adopt…').click();
      await page.getByText('It becomes a guest of its own').waitFor();
      await look('adopt-dialog');
      await button('Adopt').last().click();
      await page.locator('.page-sub').getByText('ready', { exact: true }).waitFor();
      expect(path()).toBe('/guests/301');
    });

    it('dismisses another one, for good', async () => {
      await page.getByRole('link', { name: 'Fleet', exact: true }).click();
      const copy = house.add(302, await house.guest(original).capture());
      await copy.start();
      await page.getByRole('table').getByRole('link', { name: /302/ }).click();
      await button('Dismiss…').click();
      await page.getByText('It is turned away for good').waitFor();
      await look('dismiss-dialog');
      await button('Dismiss').last().click();
      await expect.poll(path, soon).toBe('/');
      await expect
        .poll(() => page.getByRole('table').getByRole('link', { name: /302/ }).count(), soon)
        .toBe(0);
      await copy.stop();
    });

    it('sorts, filters and groups, and keeps that in the address', async () => {
      await page.getByLabel('Group by').selectOption('node');
      await page.getByRole('cell', { name: /pve1/ }).first().waitFor();
      await page.getByLabel('Show').selectOption('overdue');
      await page.getByText('No guest is like that.').waitFor();
      expect(new URL(page.url()).search).toBe('?show=overdue&group=node');
      await look('fleet-nothing-found');
      await button('Show all guests').click();
      await page.getByLabel('Group by').selectOption('tag');
      await page.getByRole('cell', { name: /without a tag/ }).waitFor();
      await look('fleet-grouped');
    });

    it('lists what was done and what happened', async () => {
      await page.getByRole('link', { name: 'Operations', exact: true }).click();
      await page.getByRole('link', { name: `Restore of guest ${original} as 201` }).waitFor();
      await look('operations');
      await page.getByRole('link', { name: 'Events', exact: true }).click();
      await page.getByLabel('Search').fill('quarantin');
      await page.getByText('guest.quarantined').first().waitFor();
      await look('events');
      expect(await page.locator('.event').count()).toBeLessThan(10);
    });

    it('examines what it stands on, and says what to do about it', async () => {
      await page.getByRole('link', { name: 'Findings', exact: true }).click();
      await page.getByText('Nothing has been examined yet.').waitFor();
      await button('Examine now').click();
      await page.getByText(/points in order/).waitFor();
      await look('findings');
      // The copies have no grant on the node, and it says how to give them one.
      expect(await page.locator('.command').first().innerText()).toContain('pveum');
    });

    it('makes a schedule, and runs it', async () => {
      await page.getByRole('link', { name: 'Schedules', exact: true }).click();
      await page.getByText('Nothing is backed up by itself.').waitFor();
      await button('New schedule').click();
      await page.getByLabel('Guests').fill(String(original));
      await look('schedule-dialog');
      await button('Make it').click();
      await page.getByText(`guest ${original}`).first().waitFor();
      await button('Run now').click();
      await page.getByRole('link', { name: 'its backup' }).waitFor();
      await page
        .getByText(/succeeded/)
        .first()
        .waitFor();
      await look('schedules');
      await button('Remove…').click();
      await page.getByText('no longer backed up by it').waitFor();
      await look('remove-schedule-dialog');
      await page.keyboard.press('Escape');
      expect(await page.locator('.event').count()).toBe(1);
    });

    it('shows the nodes with their tokens, and no secret', async () => {
      await page.getByRole('link', { name: 'Nodes', exact: true }).click();
      await page.getByText('answers', { exact: true }).waitFor();
      await page.getByText('Secrets are sealed').waitFor();
      await look('nodes');
      expect(await page.locator('main').innerText()).toContain('simulated');
    });

    it('shows how the controller is set up', async () => {
      await page.getByRole('link', { name: 'Settings', exact: true }).click();
      await page.getByText('leaseMs', { exact: true }).waitFor();
      await look('settings');
      expect(await page.locator('main').innerText()).toContain('Longest wait for a snapshot');
    });

    it('gives others access, and keeps a record', async () => {
      await page.getByRole('link', { name: 'Access', exact: true }).click();
      await button('Add an account').click();
      await page.getByLabel('Name').fill('page-turner');
      await page.getByLabel('Password').fill(password);
      await look('account-dialog');
      await button('Add').last().click();
      await page.getByText('never logged in').waitFor();
      await button('Make a token').click();
      await page.getByLabel('Name').fill('metronome');
      await look('token-dialog');
      await button('Make it').click();
      await page.getByText('This is the only time that it is shown').waitFor();
      await look('token-made-dialog');
      await button('Close').click();
      await page.getByText('never used').last().waitFor();
      await look('access');
      await button('Remove the account page-turner').click();
      await page.getByText('is logged out at once').waitFor();
      await look('remove-account-dialog');
      await page.keyboard.press('Escape');
      await button('Change password').click();
      await page.getByLabel('New password').waitFor();
      await look('password-dialog');
      await page.keyboard.press('Escape');
      expect(await page.locator('.row').filter({ hasText: 'metronome' }).count()).toBe(1);
      await page.getByRole('link', { name: 'Audit', exact: true }).click();
      await page.getByText('Cancel a backup or a rehearsal').first().waitFor();
      await look('audit');
      await page.getByLabel('Search').fill('drill');
      await expect.poll(() => page.locator('.entry').count(), soon).toBe(1);
    });

    it('says that it is stale when the controller cannot be heard, and since when', async () => {
      await page.goto('/');
      await page.getByText('Live', { exact: true }).waitFor();
      await page.context().setOffline(true);
      await page.getByText(/Stale since \d\d:\d\d/).waitFor();
      await look('fleet-stale');
      // What is known stays.
      expect(await page.locator('.guests-row').count()).toBeGreaterThan(1);
      await page.context().setOffline(false);
      await page.getByText('Live', { exact: true }).waitFor();
    });

    it('locks out whoever guesses, and says for how long', async () => {
      const known = page;
      page = await newPage();
      await page.goto('/');
      for (let attempt = 1; attempt <= 8; attempt += 1) {
        await page.getByLabel('Name').fill('conductor');
        await page.getByLabel('Password').fill(`guess ${attempt}`);
        await button('Log in').click();
        await page.getByRole('alert').waitFor();
        if (await page.getByText(/too many/i).isVisible()) break;
      }
      await page.getByText(/too many/i).waitFor();
      expect(await page.getByRole('alert').innerText()).toMatch(/again in \d+/);
      await look('login-locked-out');
      await page.context().close();
      page = known;
    });

    describe('with the keyboard alone', () => {
      it('a backup is begun and followed to its verdict', async () => {
        await page.goto('/');
        await page.getByRole('table').waitFor();
        // Past the navigation, in one step.
        await page.keyboard.press('Tab');
        expect(await focused()).toBe('Skip to the content');
        await page.keyboard.press('Enter');
        await reach(new RegExp(`^${original}`));
        await page.keyboard.press('Enter');
        await page.waitForURL(`**/guests/${original}`);
        await expect.poll(() => page.evaluate('document.activeElement.tagName'), soon).toBe('H1');
        await button('Back up now').waitFor();
        await reach('Back up now');
        await page.keyboard.press('Enter');
        await page.getByRole('dialog').waitFor();
        // The way out leaves the focus where it was.
        await page.keyboard.press('Escape');
        await page.getByRole('dialog').waitFor({ state: 'detached' });
        expect(await focused()).toBe('Back up now');
        await page.keyboard.press('Enter');
        await page.getByRole('dialog').waitFor();
        await reach('Back up');
        await page.keyboard.press('Enter');
        await heading(`Backup of guest ${original}`).waitFor();
        await page.getByText(/succeeded in/).waitFor();
        await page.getByText('app-consistent').first().waitFor();
        await reach(`guest ${original}`);
        await page.keyboard.press('Enter');
        await page.waitForURL(`**/guests/${original}`);
      });

      it('a restore is chosen, begun and followed until its guest is ready', async () => {
        await button('Restore…').waitFor();
        await reach('Restore…');
        await page.keyboard.press('Enter');
        await page.getByLabel('Backup', { exact: true }).waitFor();
        await reach('As guest');
        await page.keyboard.press('Control+A');
        await page.keyboard.type('203');
        await reach(/^What comes back/);
        await page.keyboard.press('Enter');
        await page.getByText('shop/db').last().waitFor();
        await reach('Restore');
        await page.keyboard.press('Enter');
        await heading(`Restore of guest ${original}`).waitFor();
        await page.locator('.step').getByText('Ready', { exact: true }).waitFor();
        await page.getByText(/succeeded in/).waitFor();
        await reach('guest 203');
        await page.keyboard.press('Enter');
        await page.waitForURL('**/guests/203');
        await page.locator('.page-sub').getByText('ready', { exact: true }).waitFor();
        expect(path()).toBe('/guests/203');
      });
    });

    it('is left by logging out', async () => {
      await button('Log out').click();
      await heading('Log in').waitFor();
      await look('login');
      await page.reload();
      await heading('Log in').waitFor();
      expect(await page.getByRole('navigation').count()).toBe(0);
    });

    it('has never broken its own policy, nor a script', () => {
      expect(complaints).toEqual([]);
    });
  },
);
