import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Controller, parseConfig, startController } from '@tacet/controller';
import { silentLogger, Undo } from '@tacet/runtime';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { expectAccessible } from '../dashboard/axe.ts';
import { buildDashboard, chromiumObstacle, openChromium } from '../dashboard/chromium.ts';
import { clientId, clientSecret, type LocalProvider, startProvider } from './local-provider.ts';

const obstacle = chromiumObstacle();
const skipped = obstacle === undefined ? '' : ` (skipped: ${obstacle})`;

async function signIn(page: Page, name: string): Promise<void> {
  await page.getByRole('link', { name: 'Log in with House' }).click();
  await page.locator('input[name=login]').fill(name);
  await page.locator('input[name=password]').fill('whatever');
  await page.getByRole('button', { name: 'Sign-in' }).click();
  await page.getByRole('button', { name: 'Continue' }).click();
}

describe.skipIf(obstacle !== undefined)(`the login page with a provider, in Chromium${skipped}`, () => {
  const undo = new Undo();
  afterAll(() => undo[Symbol.asyncDispose]());
  let provider: LocalProvider;
  let controller: Controller;
  let browser: Browser;
  const complaints: string[] = [];

  beforeAll(async () => {
    for (const method of ['warn', 'info'] as const)
      vi.spyOn(console, method).mockImplementation(() => undefined);
    buildDashboard();
    const directory = await mkdtemp(join(tmpdir(), 'tacet-oidc-button-'));
    undo.defer(() => rm(directory, { recursive: true }));
    provider = await startProvider(undo);
    const clientSecretFile = join(directory, 'secret');
    const ca = join(directory, 'ca.pem');
    await writeFile(clientSecretFile, clientSecret, { mode: 0o600 });
    await writeFile(ca, provider.ca);
    const config = parseConfig({
      // Its own site: what is asked from the provider's page is asked from another.
      listen: { address: 'localhost', port: 0 },
      stateDir: join(directory, 'state'),
      nodes: [],
      oidc: {
        issuer: provider.issuer,
        clientId,
        clientSecretFile,
        ca,
        name: 'House',
        scopes: ['profile', 'groups'],
        roles: { viewer: ['family'] },
      },
    });
    controller = await startController({ config, log: silentLogger });
    undo.defer(() => controller[Symbol.asyncDispose]());
    const redirectUri = `${controller.url}/api/v1/session/oidc/callback`;
    provider.serve({ redirectUri, groups: { anna: ['family'], carl: [] } });
    browser = await openChromium(undo);
  }, 180_000);

  async function newPage(): Promise<Page> {
    const context = await browser.newContext({ ignoreHTTPSErrors: true, baseURL: controller.url });
    const page = await context.newPage();
    page.on('console', (message) => {
      if (/Content Security Policy/i.test(message.text())) complaints.push(message.text());
    });
    await page.goto('/');
    return page;
  }

  it('leads to the provider, and from there into the dashboard', async () => {
    const page = await newPage();
    await expectAccessible(page, 'the login page');
    await signIn(page, 'anna');
    await page.getByText('anna').first().waitFor();
    expect(new URL(page.url()).pathname).toBe('/');
    const cookies = await page.context().cookies(controller.url);
    expect(cookies.map(({ name, httpOnly, sameSite }) => ({ name, httpOnly, sameSite }))).toEqual([
      { name: '__Host-tacet-session', httpOnly: true, sameSite: 'Strict' },
    ]);
    await page.reload();
    await page.getByText('anna').first().waitFor();
  });

  it('says in plain words why somebody is not let in', async () => {
    const page = await newPage();
    await signIn(page, 'carl');
    const note = page.getByRole('alert');
    await note.waitFor();
    expect(await note.textContent()).toBe(
      'House knows you, but none of your groups has a role here. Ask an admin of this controller.',
    );
    await expectAccessible(page, 'the login page, with a problem');
    provider.serve(undefined);
    await page.goto('/?sign-in=provider-unreachable');
    expect(await note.textContent()).toContain('House does not answer. Log in with a password');
    expect(await page.getByLabel('Password').isVisible()).toBe(true);
    expect(complaints).toEqual([]);
  });
});
