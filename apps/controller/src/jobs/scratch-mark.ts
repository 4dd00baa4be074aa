import type { LxcConfig } from '@tacet/proxmox';

const TAG = 'tacet-drill';

/**
 * What a scratch guest bears in its own configuration: the description says whose it is, and the tag tells everybody
 * what it is.
 */
export function drillMark(operationId: string, sourceVmid: number): { description: string; tags: string } {
  const mark = `${TAG} ${operationId}`;
  return {
    description: `${mark}\nScratch guest of a drill of guest ${sourceVmid}; it is destroyed when the drill ends.`,
    tags: TAG,
  };
}

/** Whether a guest is a scratch guest of any drill, as far as its tags say. */
export function isScratch({ tags }: { readonly tags: readonly string[] }): boolean {
  return tags.includes(TAG);
}

/** Only a guest whose description names this very drill is its scratch guest: in a pool it comes without its tag. */
export function isOwnScratch({ description }: Pick<LxcConfig, 'description'>, operationId: string): boolean {
  return description.split('\n', 1)[0] === `${TAG} ${operationId}`;
}
