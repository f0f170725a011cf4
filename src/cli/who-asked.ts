/** `ann`, or `robot for ann` where somebody asked another for it. */
export function whoAsked(by: string, asker: string | null | undefined): string {
  return asker === null || asker === undefined ? by : `${by} for ${asker}`;
}
