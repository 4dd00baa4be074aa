import { describe, expect, it } from 'vitest';
import type { EngineContainer } from '../engine/engine.ts';
import { discover, manifestServices, plannable } from './compose.ts';

function container(name: string, labels: Record<string, string> = {}): EngineContainer {
  return {
    id: `id-${name}`,
    name,
    image: 'nginx:1',
    labels,
    state: 'running',
    health: 'none',
    restartPolicy: 'no',
    pid: 1,
    env: [],
    startedAt: 0,
    exitCode: 0,
    error: '',
    restartCount: 0,
    command: [],
    mounts: [],
  };
}

function compose(service: string, more: Record<string, string> = {}): Record<string, string> {
  return {
    'com.docker.compose.project': 'shop',
    'com.docker.compose.service': service,
    'com.docker.compose.container-number': '1',
    'com.docker.compose.oneoff': 'False',
    ...more,
  };
}

const placesOf = (containers: EngineContainer[]): string[] =>
  discover(containers).map(({ stack, service }) => `${stack}/${service}`);

describe('discovery', () => {
  it('knows stacks and services from the labels of compose', () => {
    expect(
      placesOf([container('shop-web-1', compose('web')), container('shop-db-1', compose('db'))]),
    ).toEqual(['shop/db', 'shop/web']);
  });

  it('takes a container that compose did not make for a stack of its own', () => {
    expect(placesOf([container('registry')])).toEqual(['registry/registry']);
  });

  it('keeps replicas and one-off runs apart from the service', () => {
    expect(
      placesOf([
        container('shop-web-1', compose('web')),
        container('shop-web-2', compose('web', { 'com.docker.compose.container-number': '2' })),
        container('shop-web-run-1', compose('web', { 'com.docker.compose.oneoff': 'True' })),
      ]),
    ).toEqual(['shop-web-run-1/shop-web-run-1', 'shop/web', 'shop/web-2']);
  });

  it('reads what a service depends on, and how', () => {
    const label = 'db:service_healthy:false,cache:service_started:true,odd';
    const [web] = discover([container('w', compose('web', { 'com.docker.compose.depends_on': label }))]);
    expect(web?.dependsOn).toEqual([
      { service: 'cache', condition: 'service_started' },
      { service: 'db', condition: 'service_healthy' },
      { service: 'odd', condition: 'service_started' },
    ]);
  });

  it('plans for what runs, and lists everything in the manifest', () => {
    const services = discover([
      container('a'),
      { ...container('b'), state: 'exited' },
      { ...container('c'), state: 'paused' },
    ]);
    expect(plannable(services).map(({ service }) => service)).toEqual(['a']);
    expect(manifestServices(services).map(({ service, state }) => [service, state])).toEqual([
      ['a', 'running'],
      ['b', 'exited'],
      ['c', 'paused'],
    ]);
  });
});
