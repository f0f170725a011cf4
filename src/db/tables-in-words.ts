const SHOWN = 3;

/** What a database has, by the names of some of its tables. */
export function tablesInWords(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN).join(', ');
  if (names.length === 1) return `the table ${shown}`;
  return `the tables ${shown}${names.length > SHOWN ? ' …' : ''}`;
}
