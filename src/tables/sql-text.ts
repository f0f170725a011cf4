/** The only two ways by which a name or a text becomes part of SQL. */

/** `"a ""quoted"" name"` */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** `'it''s'` */
export function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
