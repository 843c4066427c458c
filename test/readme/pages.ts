/**
 * The columns in the pages of those providers whose tables are declared and not described by an API: asked of the provider
 * itself, in front of its stand-in.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Column, Resource } from '../../src/provider/index.js';
import { declaredBy } from './providers.js';
import { root, withSection } from './sections.js';

export const declaredProviders = ['github', 'stripe'] as const;

/** `*inserted only*`, `**updated only**`; the type where it is not text. */
function shown(column: Column): string {
  const name = `\`${column.name}\``;
  const marked = column.insertable === column.updatable ? name : column.insertable ? `*${name}*` : `**${name}**`;
  return column.type === 'text' ? marked : `${marked} ${column.type}`;
}

function line({ name, columns }: Resource): string {
  const settable = columns.filter(({ insertable, updatable }) => insertable || updatable);
  const others = columns.filter((column) => !settable.includes(column));
  return `| \`${name}\` | ${settable.map(shown).join(', ')} | ${others.map(shown).join(', ')} |`;
}

async function columnsMarkdown(name: string): Promise<string> {
  const { resources } = await declaredBy(name);
  return [
    '| table | columns that may be set (*inserted only*, **updated only**) | other columns |',
    '|---|---|---|',
    ...resources.map(line),
  ].join('\n');
}

/** A provider's page: its file, what it says, and what it should say. */
export async function pageOf(
  name: string,
): Promise<{ readonly file: string; readonly before: string; readonly after: string }> {
  const file = join(root, 'providers', name, 'README.md');
  const before = readFileSync(file, 'utf8');
  return { file, before, after: withSection(before, 'columns', await columnsMarkdown(name)) };
}
