import { z } from 'zod';

/** As far as a conversion looks: whatever else a manifest carries is handed on as it is. */
const servicesSchema = z.looseObject({ services: z.array(z.looseObject({})) });

/**
 * `manifestConverters[n]` turns version n into version n + 1. A backup lives for years: its manifest is read
 * by whatever agent is in the guest by then. Never change one of these; add the next.
 */
export const manifestConverters: Readonly<Record<number, (old: unknown) => unknown>> = {
  /** Version 2 tells with which exit code what did not run had ended. */
  1: (old) => {
    const { services, ...rest } = servicesSchema.parse(old);
    return { ...rest, version: 2, services: services.map((service) => ({ ...service, exitCode: null })) };
  },
  /** Version 3 tells where the compose files of a stack lie. */
  2: (old) => ({ ...z.looseObject({}).parse(old), version: 3, projects: [] }),
};
