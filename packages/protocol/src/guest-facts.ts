import { z } from 'zod';

/** Something that a service writes to and that lies outside the guest's root filesystem. */
export const dataOutsideSchema = z.object({
  stack: z.string(),
  service: z.string(),
  /** In the container. */
  target: z.string(),
  /** In the guest. */
  source: z.string(),
  /** What it lies on there; null where it is on the root filesystem, in a directory that vzdump leaves out. */
  mount: z.object({ mountPoint: z.string(), type: z.string() }).nullable(),
});
export type DataOutside = z.infer<typeof dataOutsideSchema>;

/** What an agent sees of its guest that changes seldom, and that a backup's worth depends on. */
export const guestFactsSchema = z.object({
  engine: z.object({
    version: z.string(),
    /** As `docker info` names it: `overlay2`, `overlayfs`, `vfs`, … */
    storageDriver: z.string(),
  }),
  outside: z.array(dataOutsideSchema),
});
export type GuestFacts = z.infer<typeof guestFactsSchema>;
