/** The group of placeholders of an INSERT. */
const GROUP = /VALUES (\([^)]*\))/;

/** The same INSERT for so many rows. */
export function withGroups(text: string, count: number): string {
  if (count === 1) return text;
  return text.replace(GROUP, (_, group: string) => `VALUES ${Array(count).fill(group).join(', ')}`);
}
