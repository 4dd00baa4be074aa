// `npm run picture`: draws docs/images/architecture.svg again, after imports or folders have changed.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { drawArchitecture } from './draw-architecture.ts';
import { partsOfTheTree } from './layers.ts';
import { root } from './tree.ts';

const file = join('docs', 'images', 'architecture.svg');
writeFileSync(join(root, file), drawArchitecture(partsOfTheTree()));
process.stdout.write(`${file}\n`);
