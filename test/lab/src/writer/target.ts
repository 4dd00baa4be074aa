import { readFileSync } from 'node:fs';
import { openMariadb } from './mariadb-target.ts';
import { openPostgres } from './postgres-target.ts';
import { openRedis } from './redis-target.ts';
import { openSqlite } from './sqlite-target.ts';

/** One connection to a database. */
export interface Target {
  /** Makes one durable write and resolves once the database has confirmed it. */
  write(runId: string, seq: number): Promise<void>;
  /** Changes {@link churn} rows that nobody looks for afterwards, so that there is always much to flush. */
  churn(): Promise<void>;
  close(): void;
}

/** How a target is opened: `payload` goes with every write. */
export type OpenTarget = (url: URL, payload: string) => Promise<Target>;

const openByScheme: Record<string, OpenTarget> = {
  'postgres:': openPostgres,
  'mariadb:': openMariadb,
  'redis:': openRedis,
  'sqlite:': openSqlite,
};

export interface Destination {
  stream: string;
  url: URL;
  open: OpenTarget;
}

/**
 * One destination per line, `<stream> <url>`; `?password-file=` in a URL stands for the password that is in
 * that file.
 */
export function parseDestinations(text: string): Destination[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [stream = '', address = ''] = line.trim().split(/\s+/);
      const url = new URL(address);
      const open = openByScheme[url.protocol];
      if (!open) throw new Error(`${stream}: nothing here writes to ${url.protocol}`);
      const passwordFile = url.searchParams.get('password-file');
      if (passwordFile !== null) url.password = encodeURIComponent(readFileSync(passwordFile, 'utf8').trim());
      return { stream, url, open };
    });
}
