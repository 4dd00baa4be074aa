import type { MemoryContainerSpec } from '@tacet/agent/memory';

/** The same stack as in the lab: two databases, and two containers that nobody would start again. */
export const simulatedStack: readonly MemoryContainerSpec[] = [
  {
    stack: 'shop',
    service: 'db',
    image: 'postgres:17',
    restartPolicy: 'unless-stopped',
    healthyAfterMs: 300,
  },
  {
    stack: 'shop',
    service: 'cache',
    image: 'redis:8',
    restartPolicy: 'always',
    healthyAfterMs: 200,
    env: ['REDIS_PASSWORD=simulated'],
    password: 'simulated',
  },
  { stack: 'shop', service: 'web', image: 'nginx:1', restartPolicy: 'no' },
  {
    stack: 'shop',
    service: 'writer',
    image: 'tacet-lab/writer:1',
    restartPolicy: 'no',
    dependsOn: ['db:service_healthy', 'cache:service_healthy'],
  },
];

/** Which container keeps what a stream writes. */
export const streams = { postgres: 'shop/db', redis: 'shop/cache' } as const;
export type StreamName = keyof typeof streams;
