import { backUpStore } from './back-up-store.ts';
import { KEY } from './parts.ts';
import { restoreStore } from './restore-store.ts';

interface Values {
  readonly config?: string;
  readonly 'with-key': boolean;
}

/** `tacet-controller backup-store` and `restore-store`; what they have done goes to standard output. */
export async function keepStore(command: string, file: string, values: Values): Promise<number> {
  const configPath = values.config ?? '';
  const now = new Date();
  if (command === 'backup-store') {
    const table = await backUpStore({ configPath, file, withKey: values['with-key'], now });
    for (const { path } of table.files) print(`kept    ${path}`);
    print(
      table.files.some(({ name }) => name === KEY)
        ? `${file} opens every secret of this controller: whoever has it can ask your nodes for backups and restores, and pass for this controller. Keep it as you keep a password.`
        : `The key ${table.keyFile} is not in it. Keep a copy of that elsewhere: without it the tokens must be made anew, and every guest enrolled again.`,
    );
    return 0;
  }
  const { table, written, aside, missingKey } = await restoreStore({ configPath, file, now });
  for (const path of written) print(`written ${path}`);
  for (const path of aside) print(`aside   ${path}`);
  print(`This is the controller of ${table.madeAt}, made by Tacet ${table.version}.`);
  if (missingKey !== undefined) print(`Before you start it: bring back the key ${missingKey} (mode 0600).`);
  print('Make sure that the controller this was a backup of does not run any more, and start this one.');
  return 0;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
