import { once } from 'node:events';
import { createServer } from 'node:http';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Browser as ApiBrowser } from '@tacet/controller/testing';
import { openSimulatedHouse, type SimulatedHouse } from '@tacet/demo';
import { silentLogger, Undo } from '@tacet/runtime';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectAccessible } from './axe.ts';
import { buildDashboard, chromiumObstacle, openChromium, pictures } from './chromium.ts';

const obstacle = chromiumObstacle();
const skipped = obstacle === undefined ? '' : ` (skipped: ${obstacle})`;
const password = 'a rest is a bar of silence';

// A story: each step goes on where the one before has ended.
describe.skipIf(obstacle !== undefined)(
  `the page of notifications in Chromium${skipped}`,
  { timeout: 180_000 },
  () => {
    const undo = new Undo();
    const complaints: string[] = [];
    const received: { path: string; token: string | undefined; body: unknown }[] = [];
    let house: SimulatedHouse;
    let page: Page;
    let server: string;
    let status = 200;

    beforeAll(async () => {
      buildDashboard();
      if (pictures !== undefined) await mkdir(pictures, { recursive: true });
      const gotify = createServer((request, response) => {
        const keep = async (): Promise<void> => {
          const token = request.headers['x-gotify-key'];
          const body: unknown = JSON.parse(await text(request));
          received.push({ path: request.url ?? '', token: String(token), body });
          response.writeHead(status).end('{}');
        };
        void keep();
      });
      gotify.listen(0, '127.0.0.1');
      await once(gotify, 'listening');
      undo.defer(() => void gotify.close());
      const address = gotify.address();
      if (address === null || typeof address === 'string') throw new Error('not listening on a port');
      server = `http://127.0.0.1:${address.port}`;

      house = await openSimulatedHouse(undo, { original: 101, log: silentLogger });
      const admin = new ApiBrowser(house.controller.url);
      await admin.setUp(house.controller.setupUrl, 'conductor', password);
      await admin.ask('POST', '/api/v1/accounts', { body: { name: 'guest', role: 'viewer', password } });
      const browser = await openChromium(undo);
      const context = await browser.newContext({
        ignoreHTTPSErrors: true,
        baseURL: house.controller.url,
        viewport: { width: 1280, height: 800 },
      });
      page = await context.newPage();
      page.setDefaultTimeout(20_000);
      page.on('pageerror', (error) => complaints.push(error.message));
      await logIn('conductor');
    });
    afterAll(() => undo[Symbol.asyncDispose]());

    const button = (name: string | RegExp) => page.getByRole('button', { name });
    const dialog = () => page.getByRole('dialog');

    async function logOut(): Promise<void> {
      await button('Log out').first().click();
      await page.getByRole('heading', { level: 1, name: 'Log in' }).waitFor();
    }

    async function logIn(name: string): Promise<void> {
      await page.goto('/');
      await page.getByLabel('Name').fill(name);
      await page.getByLabel('Password').fill(password);
      await page.getByLabel('Password').press('Enter');
      await page.getByRole('link', { name: 'Notifications' }).click();
      await page.getByRole('heading', { level: 1, name: 'Notifications' }).waitFor();
      await page.getByRole('status', { name: 'Loading' }).waitFor({ state: 'detached' });
    }

    /** In both themes: no violation for axe. At every width: nothing beside the page. */
    async function look(what: string): Promise<void> {
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        for (const width of [390, 1280]) {
          await page.setViewportSize({ width, height: 800 });
          const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
          expect(overflow, `${what} at ${width} px scrolls sideways`).toBeLessThanOrEqual(0);
          if (pictures === undefined) continue;
          await page.screenshot({ path: join(pictures, `${what}-${colorScheme}-${width}.png`) });
        }
        await page.setViewportSize({ width: 1280, height: 800 });
        await expectAccessible(page, `${what}, ${colorScheme}`);
      }
      await page.emulateMedia({ colorScheme: 'light' });
    }

    it('says that nobody is told of anything', async () => {
      expect(await page.getByText('Nobody is told of anything.').isVisible()).toBe(true);
      await look('notifications-none');
    });

    it('makes a channel by keyboard alone, and says what is wrong with it', async () => {
      await button('New channel').focus();
      await page.keyboard.press('Enter');
      await dialog().waitFor();
      await dialog().getByLabel('Name').fill('phone');
      await dialog().getByLabel('Kind').selectOption('gotify');
      await look('notifications-new-dialog');
      await dialog().getByLabel('Server').fill('ftp://127.0.0.1/');
      await dialog().getByLabel('Token').fill('A.token-of-gotify');
      await dialog().getByLabel('a drill that failed').focus();
      await page.keyboard.press('Space');
      await dialog().getByLabel('Token').press('Enter');
      await dialog().getByRole('alert').getByText('server').waitFor();
      await dialog().getByLabel('Server').fill(server);
      await dialog().getByLabel('Server').press('Enter');
      await page.getByText(`Gotify, to ${server}. Told of a drill that failed, about all guests.`).waitFor();
      // The focus is back where it was.
      expect(await page.evaluate('document.activeElement?.textContent')).toBe('New channel');
    });

    it('tests it, and says what came of it', async () => {
      await button('Test phone').click();
      await page.getByText('The test was delivered: 200 {}').waitFor();
      expect(received).toMatchObject([
        { path: '/message', token: 'A.token-of-gotify', body: { title: 'Tacet: a test' } },
      ]);
      status = 401;
      await button('Test phone').click();
      await page.getByText(/The test was not delivered: .* answered 401/).waitFor();
      status = 200;
      await look('notifications');
    });

    it('changes it without its secret, which it does not show', async () => {
      await button('Edit… phone').click();
      const token = dialog().getByLabel('Token');
      await token.waitFor();
      expect(await token.inputValue()).toBe('');
      await dialog().getByText('Left empty: as it is.').waitFor();
      await dialog().getByLabel('a drill that failed').uncheck();
      await dialog().getByLabel('Guests').fill('101');
      await button('Change it').click();
      await page.getByText('Told of everything, about guest 101.').waitFor();
      await button('Test phone').click();
      await expect.poll(() => received.length).toBe(3);
      expect(received.at(-1)?.token).toBe('A.token-of-gotify');
    });

    it('shows a viewer everything, and offers nothing that he may not do', async () => {
      await logOut();
      await logIn('guest');
      await page.getByText('Told of everything, about guest 101.').waitFor();
      expect(await button(/Test|Edit|Remove|New channel/).count()).toBe(0);
      await logOut();
      await logIn('conductor');
    });

    it('removes it', async () => {
      await button('Remove… phone').click();
      await dialog().getByText('What was to be sent through it is not sent any more.').waitFor();
      await dialog().getByRole('button', { name: 'Remove' }).click();
      await page.getByText('Nobody is told of anything.').waitFor();
      expect(complaints).toEqual([]);
    });
  },
);
