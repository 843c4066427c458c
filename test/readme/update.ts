/** `node dist/test/readme/update.js`: rewrites the parts of README.md that are made from the code. */
import { readFileSync, writeFileSync } from 'node:fs';
import { readmeFile, sections, withSection } from './sections.js';

const before = readFileSync(readmeFile, 'utf8');
let readme = before;
for (const [name, text] of await sections()) readme = withSection(readme, name, text);
if (readme !== before) writeFileSync(readmeFile, readme);
process.stdout.write(readme === before ? 'README.md is up to date\n' : 'README.md was updated\n');
process.exit();
