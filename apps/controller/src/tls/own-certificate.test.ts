import { once } from 'node:events';
import { utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { ManualClock, silentLogger } from '@tacet/runtime';
import { generate } from 'selfsigned';
import { beforeEach, describe, expect, it } from 'vitest';
import { TestHouse } from '../testing/test-house.ts';
import { OwnCertificate } from './own-certificate.ts';

let house: TestHouse;
let tls: { certFile: string; keyFile: string };
beforeEach(async () => {
  house = await TestHouse.create();
  tls = { certFile: join(house.directory, 'tls.crt'), keyFile: join(house.directory, 'tls.key') };
  await make('tacet.example');
  return () => house[Symbol.asyncDispose]();
});

async function make(name: string): Promise<void> {
  const made = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    curve: 'P-256',
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: name }] }],
  });
  await writeFile(tls.certFile, made.cert);
  await writeFile(tls.keyFile, made.private);
}

async function shown(url: string, servername?: string): Promise<string | undefined> {
  const { hostname: host, port } = new URL(url);
  const sni = servername === undefined ? {} : { servername };
  const socket = connect({ host, port: Number(port), rejectUnauthorized: false, ...sni });
  await once(socket, 'secureConnect');
  const subject = socket.getPeerX509Certificate()?.subject;
  socket.destroy();
  return subject;
}

describe('a certificate of one’s own', () => {
  it('is shown for its names; agents, which pin the controller’s, go on seeing that', async () => {
    const { url } = await house.open({ tls });
    expect(await shown(url, 'tacet.example')).toBe('CN=tacet.example');
    expect(await shown(url, 'other.example')).toBe('CN=tacet controller');
    expect(await shown(url)).toBe('CN=tacet controller');
  });

  it('cannot be for the name under which agents come', async () => {
    const agentUrl = 'https://tacet.example:8007';
    await expect(house.open({ tls, agentUrl })).rejects.toMatchObject({
      code: 'invalid-input',
      hint: expect.stringContaining('pin'),
    });
  });

  it('is refused at the start when it is none', async () => {
    await writeFile(tls.keyFile, 'no key');
    await expect(house.open({ tls })).rejects.toMatchObject({
      code: 'invalid-input',
      message: expect.stringContaining(tls.keyFile),
    });
  });

  it('is taken anew when it was renewed; what cannot be used leaves the one before', async () => {
    const clock = new ManualClock();
    const own = await OwnCertificate.load(tls, clock, silentLogger);
    const first = await own.contextFor('tacet.example');
    expect(first).toBeDefined();

    await writeFile(tls.certFile, 'half of it');
    await touchLater(1);
    await clock.advance(60_000);
    expect(await own.contextFor('tacet.example')).toBe(first);

    await make('renewed.example');
    await touchLater(2);
    expect(await own.contextFor('renewed.example')).toBeUndefined();
    await clock.advance(60_000);
    expect(await own.contextFor('renewed.example')).toBeDefined();
  });
});

/** Written at once after another, files may bear the same time. */
async function touchLater(seconds: number): Promise<void> {
  const later = Date.now() / 1000 + seconds * 10;
  for (const file of Object.values(tls)) await utimes(file, later, later);
}
