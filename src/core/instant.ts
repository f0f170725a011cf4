const INSTANT = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)$/;
const DATE = /^\d{4}-\d\d-\d\d$/;

/** The instant that a text such as `2027-01-31T02:00:00Z` names, in milliseconds since the Unix epoch. Undefined: none. */
export function parseInstant(text: string): number | undefined {
  const [, date = ''] = INSTANT.exec(text) ?? [];
  const at = Date.parse(text);
  return parseDate(date) === undefined || Number.isNaN(at) ? undefined : at;
}

/** The beginning of a date such as `2027-01-31`, written as if it were one in UTC. Undefined: there is no such date. */
export function parseDate(text: string): number | undefined {
  const at = DATE.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  // 31 February is taken for 3 March.
  return Number.isNaN(at) || !new Date(at).toISOString().startsWith(text) ? undefined : at;
}
