import { open, rename } from 'node:fs/promises';

/** Replaces a file as a whole; only its owner may read it. */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  {
    await using file = await open(temporary, 'w', 0o600);
    await file.chmod(0o600); // a leftover of another mode keeps it otherwise
    await file.writeFile(text);
    await file.sync();
  }
  await rename(temporary, path);
}
