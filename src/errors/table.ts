/** The catalogue as a Markdown table, for the README. */
import { type CatalogueEntry, catalogue } from './catalogue.js';

/** A cell's text: a bar would end the cell, and `{…}` is a placeholder that reads better in italics without its braces. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replace(/\{(\w+)\}/g, '*$1*');
}

/** One line an entry, in the catalogue's order. */
export function errorTableMarkdown(): string {
  const rows = Object.entries(catalogue).map(([code, entry]: [string, CatalogueEntry]) => {
    const { sqlstate, retry, when, message } = entry;
    return `| \`${sqlstate}\` | \`${code}\` | ${cell(when)} | ${cell(message)} | ${retry} |`;
  });
  return ['| SQLSTATE | code | when | message | retry |', '|---|---|---|---|---|', ...rows].join('\n');
}
