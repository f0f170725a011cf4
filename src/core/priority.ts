/** How early the steps of a run are begun on a fleet, where others wait too. */
export const PRIORITIES = ['high', 'normal', 'low'] as const;

export type Priority = (typeof PRIORITIES)[number];
