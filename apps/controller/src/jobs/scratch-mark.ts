import type { LxcConfig } from '@tacet/proxmox';

const TAG = 'tacet-drill';

/** What a scratch guest bears in its own configuration, so that it can be told from every other guest. */
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

/** Only a guest that bears both marks of this very drill is its scratch guest. */
export function isOwnScratch(
  { description, tags }: Pick<LxcConfig, 'description' | 'tags'>,
  operationId: string,
): boolean {
  return isScratch({ tags }) && description.split('\n', 1)[0] === `${TAG} ${operationId}`;
}
