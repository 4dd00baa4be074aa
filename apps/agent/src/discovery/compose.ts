import type { PlannableService } from '@tacet/core';
import type { ComposeProject, ManifestService } from '@tacet/protocol';
import type { EngineContainer } from '../engine/engine.ts';
import { inOrder } from '../in-order.ts';

/** Labels that Docker Compose v2 puts on every container (seen with Compose 2.26 and 2.32). */
const projectLabel = 'com.docker.compose.project';
const serviceLabel = 'com.docker.compose.service';
const numberLabel = 'com.docker.compose.container-number';
const dependsOnLabel = 'com.docker.compose.depends_on';
const oneOffLabel = 'com.docker.compose.oneoff';
const workingDirLabel = 'com.docker.compose.project.working_dir';
const configFilesLabel = 'com.docker.compose.project.config_files';
const envFilesLabel = 'com.docker.compose.project.environment_file';

/** A container in its place. */
export interface DiscoveredService {
  stack: string;
  service: string;
  dependsOn: ManifestService['dependsOn'];
  container: EngineContainer;
}

/**
 * Which container is what. One without compose's labels is a stack of its own; so is a one-off
 * (`compose run`), which belongs to no service. Replicas are told apart by their number.
 */
export function discover(containers: readonly EngineContainer[]): DiscoveredService[] {
  return containers.map(placeOf).toSorted((one, other) => inOrder(keyOf(one), keyOf(other)));
}

/** As far as the engine tells. */
export type PlannableContainer = Omit<PlannableService, 'programs' | 'hasSqlite'> & {
  container: EngineContainer;
};

/** What a plan covers: what runs now. What is paused or stopped is still already. */
export function plannable(services: readonly DiscoveredService[]): PlannableContainer[] {
  return services.filter(({ container }) => container.state === 'running').map(toPlannable);
}

export function toPlannable(discovered: DiscoveredService): PlannableContainer {
  const { stack, service, dependsOn, container } = discovered;
  return {
    stack,
    service,
    containerId: container.id,
    image: container.image,
    dependsOn: dependsOn.map((dependency) => dependency.service),
    labels: container.labels,
    container,
  };
}

/** What must come back: every container, with the state it is in. */
export function manifestServices(services: readonly DiscoveredService[]): ManifestService[] {
  return services.map(({ stack, service, dependsOn, container }) => ({
    stack,
    service,
    containerId: container.id,
    containerName: container.name,
    image: container.image,
    state: container.state,
    health: container.health,
    restartPolicy: container.restartPolicy,
    exitCode: container.state === 'exited' ? container.exitCode : null,
    dependsOn,
  }));
}

/** Where compose was told of each stack; the containers of a stack all say the same. */
export function composeProjects(services: readonly DiscoveredService[]): ComposeProject[] {
  const byStack = new Map<string, ComposeProject>();
  for (const { stack, container } of services) {
    const { labels } = container;
    const workingDir = labels[workingDirLabel];
    const configFiles = listOf(labels[configFilesLabel]);
    if (labels[projectLabel] !== stack || workingDir === undefined || configFiles.length === 0) continue;
    byStack.set(stack, { stack, workingDir, configFiles, envFiles: listOf(labels[envFilesLabel]) });
  }
  return [...byStack.values()];
}

function listOf(label: string | undefined): string[] {
  return (label ?? '').split(',').filter((path) => path !== '');
}

function placeOf(container: EngineContainer): DiscoveredService {
  const { labels, name } = container;
  const stack = labels[projectLabel];
  const service = labels[serviceLabel];
  if (stack === undefined || service === undefined || labels[oneOffLabel]?.toLowerCase() === 'true') {
    return { stack: name, service: name, dependsOn: [], container };
  }
  const number = labels[numberLabel] ?? '1';
  return {
    stack,
    service: number === '1' ? service : `${service}-${number}`,
    dependsOn: parseDependsOn(labels[dependsOnLabel] ?? ''),
    container,
  };
}

/**
 * `db:service_healthy:false,cache:service_started:true`: service, condition, whether it restarts along; in no
 * particular order.
 */
function parseDependsOn(label: string): ManifestService['dependsOn'] {
  return label
    .split(',')
    .filter((entry) => entry !== '')
    .map((entry) => {
      const [service = '', condition] = entry.split(':');
      return { service, condition: isCondition(condition) ? condition : ('service_started' as const) };
    })
    .toSorted((one, other) => inOrder(one.service, other.service));
}

type DependencyCondition = ManifestService['dependsOn'][number]['condition'];

function isCondition(word: string | undefined): word is DependencyCondition {
  return (
    word === 'service_started' || word === 'service_healthy' || word === 'service_completed_successfully'
  );
}

function keyOf({ stack, service }: DiscoveredService): string {
  return `${stack}/${service}`;
}
