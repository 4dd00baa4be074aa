import { compose, type Guest, stacks } from '@tacet/lab';

const service = 'redis-rdb';
const override = `${stacks.engines.directory}/compose.override.yaml`;

/** Gives the Redis that keeps dumps alone its label, as an operator would: in the compose file, and up again. */
export async function chooseRedisDump(guest: Guest, dump: 'strict' | 'fast'): Promise<void> {
  const wanted = JSON.stringify({ services: { [service]: { labels: { 'tacet.redis.dump': dump } } } });
  if ((await guest.exec(['cat', override])).stdout === wanted) return;
  await guest.writeFile(override, wanted);
  const up = await compose(guest, ['up', '--detach', '--no-deps', '--wait', service], undefined, 'engines');
  if (up.exitCode !== 0) throw new Error(up.stderr);
}
