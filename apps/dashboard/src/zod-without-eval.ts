import { z } from 'zod';

// The policy of the page forbids `eval`, and zod tries it when the first schema is made: this comes before that.
z.config({ jitless: true });
