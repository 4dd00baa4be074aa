import { setFlagsFromString } from 'node:v8';
import { z } from 'zod';

// Memory over speed, as the flags of the unit, for what cannot be said there: footprint.md of the documentation. First
// in the bundle, because the schemas and functions that come after it are made by these rules.

// No code of its own is generated for each schema.
z.config({ jitless: true });

// What a function has seen is not recorded, because no compiler asks for it. Only the V8 of Node 20 has this flag; one
// that it does not know would keep a Node from starting, had it been given in the unit.
if (process.versions.v8.startsWith('11.')) {
  setFlagsFromString('--interrupt-budget-factor-for-feedback-allocation=10000');
}
