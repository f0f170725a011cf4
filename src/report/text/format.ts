/** Numbers as people read them. */

/** `512 B`, `13.5 MB`: decimal units, as disks are sold and `ls -h --si` shows. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 99.5 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** `3,000,000` */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

/** Five significant digits, without zeros that say nothing. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return formatCount(value);
  const text = value.toPrecision(5);
  return text.includes('e') ? text : text.replace(/\.?0+$/, '');
}
