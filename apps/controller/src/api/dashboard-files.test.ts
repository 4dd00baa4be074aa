import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Browser } from '../testing/browser.ts';
import { TestHouse } from '../testing/test-house.ts';

const house = await TestHouse.create();
afterAll(() => house[Symbol.asyncDispose]());

describe('the dashboard', () => {
  let browser: Browser;

  beforeAll(async () => {
    const dashboardDir = join(house.directory, 'dist');
    await mkdir(join(dashboardDir, 'assets'), { recursive: true });
    await writeFile(join(dashboardDir, 'index.html'), '<!doctype html><title>Tacet</title>');
    await writeFile(join(dashboardDir, 'assets', 'index-BqV3x9_k.js'), 'export {};');
    await writeFile(join(dashboardDir, 'robots.txt'), 'User-agent: *');
    await writeFile(join(house.directory, 'secret.txt'), 'nobody may read this');
    browser = new Browser((await house.open({ dashboardDir })).url);
  });

  it.each(['/', '/guests/101', '/setup', '/findings?level=bad'])('begins at %s', async (path) => {
    const page = await browser.ask('GET', path);
    expect([page.status, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(page.headers['cache-control']).toBe('no-cache');
    expect(page.text).toContain('<title>Tacet</title>');
  });

  it('has files that never change under their name, and says so of no others', async () => {
    const script = await browser.ask('GET', '/assets/index-BqV3x9_k.js');
    expect(script.headers['content-type']).toBe('text/javascript; charset=utf-8');
    expect(script.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    const plain = await browser.ask('GET', '/robots.txt');
    expect(plain.headers['cache-control']).toBe('no-cache');
    const headers = { 'if-none-match': String(plain.headers['etag']) };
    expect((await browser.ask('GET', '/robots.txt', { headers })).status).toBe(304);
  });

  it.each([
    '/assets/none.js',
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/assets/..%2f..%2fsecret.txt',
    '/%00.txt',
    '/%E0%A4%A.txt',
    '/agent/v1/session',
    '/agent',
  ])('has nothing at %s', async (path) => {
    const page = await browser.ask('GET', path);
    expect(page.text).not.toContain('nobody may read this');
    expect(page.text).not.toContain('<title>');
    expect(page.status).toBe(404);
  });

  it('takes nothing', async () => {
    expect((await browser.ask('POST', '/guests/101', { body: {} })).status).toBe(404);
  });

  it.each(['/', '/healthz', '/api/v1/guests', '/nowhere.txt'])('is careful at %s', async (path) => {
    const { headers } = await browser.ask('GET', path);
    expect(headers).toMatchObject({
      'content-security-policy': expect.stringContaining("default-src 'self'"),
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
    });
    expect(headers['content-security-policy']).not.toContain('unsafe');
  });
});

describe('a dashboard that is not built', () => {
  it('says how to build it', async () => {
    const dashboardDir = join(house.directory, 'not-built');
    const browser = new Browser((await house.open({ dashboardDir })).url);
    const page = await browser.ask('GET', '/');
    expect(page.status).toBe(404);
    expect(page.text).toContain('pnpm --filter @tacet/dashboard build');
  });
});
