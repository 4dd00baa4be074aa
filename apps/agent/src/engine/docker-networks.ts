import { TacetError } from '@tacet/runtime';
import type Docker from 'dockerode';
import { statusOf } from './docker-errors.ts';

/**
 * Leaves whatever networks the container believes it is in, and joins those that have their names now, with
 * its aliases and fixed addresses. @throws TacetError `not-found` where there is none of that name.
 */
export async function joinNetworksOfToday(
  docker: Docker,
  containerId: string,
  signal: AbortSignal,
): Promise<void> {
  const { NetworkSettings: settings } = await docker
    .getContainer(containerId)
    .inspect({ abortSignal: signal });
  const today = await docker.listNetworks({ abortSignal: signal });
  for (const [name, endpoint] of Object.entries(settings.Networks)) {
    const found = today.find((network) => network.Name === name);
    if (!found) {
      throw new TacetError(`its network ${name} is gone`, {
        code: 'not-found',
        hint: 'docker compose up --detach makes it again.',
      });
    }
    const network = docker.getNetwork(found.Id);
    await leave(network, containerId, signal);
    const { Aliases, IPAMConfig } = endpoint;
    const config = { Container: containerId, EndpointConfig: { Aliases, IPAMConfig }, abortSignal: signal };
    await network.connect(config);
  }
}

/** Forced, so that an end that a crash has left in the network goes too. */
async function leave(network: Docker.Network, containerId: string, signal: AbortSignal): Promise<void> {
  try {
    await network.disconnect({ Container: containerId, Force: true, abortSignal: signal });
  } catch (error) {
    // It was never in it: 404 of Docker 26 for an unknown end, 403 or 500 in older ones' words.
    if (statusOf(error) === undefined) throw error;
  }
}
