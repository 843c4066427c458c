/** Quoting for SQL text. Source: PostgreSQL manual, "Lexical Structure". */

/** A quoted identifier. */
export function ident(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A string literal that means the same whatever standard_conforming_strings says. */
export function literal(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}

/** A table's quoted, qualified name. */
export function qualified(table: { readonly schema: string; readonly name: string }): string {
  return `${ident(table.schema)}.${ident(table.name)}`;
}
