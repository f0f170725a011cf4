/** A path without slashes at its end; a pattern takes the square of their number where something stands behind them. */
export function withoutSlashes(path: string): string {
  let end = path.length;
  while (path[end - 1] === '/') end -= 1;
  return path.slice(0, end);
}
