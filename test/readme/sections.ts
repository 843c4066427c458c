/**
 * The parts of the README that are made from the code. Each stands between two comments, `<!-- name:begin -->` and
 * `<!-- name:end -->`; everything else in the README is written by hand.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { configReferenceMarkdown } from '../../src/config/index.js';
import { errorTableMarkdown } from '../../src/errors/index.js';
import { limitsMarkdown, pacesMarkdown, providersMarkdown } from './providers.js';

/** The repository's folder, from the sources as from the compiled tree. */
export const root = folderOf(dirname(fileURLToPath(import.meta.url)));
export const readmeFile = join(root, 'README.md');

function folderOf(start: string): string {
  return existsSync(join(start, 'package.json')) ? start : folderOf(dirname(start));
}

/** What `upwrite --help` prints, from the compiled command line. */
async function helpText(): Promise<string> {
  const main = join(root, 'dist', 'src', 'main.js');
  const { stdout } = await promisify(execFile)(process.execPath, [main, '--help']);
  return `\`\`\`text\n${stdout.trimEnd()}\n\`\`\``;
}

/** The text of each section, by name. */
export async function sections(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ['commands', await helpText()],
    ['configuration', configReferenceMarkdown()],
    ['errors', errorTableMarkdown()],
    ['limits', await limitsMarkdown()],
    ['paces', await pacesMarkdown()],
    ['providers', await providersMarkdown(root)],
  ]);
}

function marks(name: string): { readonly begin: string; readonly end: string } {
  return { begin: `<!-- ${name}:begin -->`, end: `<!-- ${name}:end -->` };
}

/** The section's text in a README. Throws when its comments are missing, or in the wrong order. */
export function sectionOf(readme: string, name: string): string {
  const { begin, end } = marks(name);
  const from = readme.indexOf(begin);
  const to = readme.indexOf(end);
  if (from < 0 || to < from) throw new Error(`the README has no section ${begin} … ${end}`);
  return readme.slice(from + begin.length, to).trim();
}

/** The README with the section's text replaced. */
export function withSection(readme: string, name: string, text: string): string {
  const { begin, end } = marks(name);
  const current = sectionOf(readme, name);
  const from = readme.indexOf(begin);
  const to = readme.indexOf(end);
  return current === text ? readme : `${readme.slice(0, from)}${begin}\n\n${text}\n\n${readme.slice(to)}`;
}
