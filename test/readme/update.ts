/** `node dist/test/readme/update.js`: rewrites the parts of README.md, and of the providers' pages, that are made from the code. */
import { readFileSync, writeFileSync } from 'node:fs';
import { declaredProviders, pageOf } from './pages.js';
import { readmeFile, sections, withSection } from './sections.js';

function write(file: string, before: string, after: string): void {
  if (after !== before) writeFileSync(file, after);
  process.stdout.write(`${file} ${after === before ? 'is up to date' : 'was updated'}\n`);
}

const before = readFileSync(readmeFile, 'utf8');
let readme = before;
for (const [name, text] of await sections()) readme = withSection(readme, name, text);
write(readmeFile, before, readme);
for (const name of declaredProviders) {
  const page = await pageOf(name);
  write(page.file, page.before, page.after);
}
process.exit();
