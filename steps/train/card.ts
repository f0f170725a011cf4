import type { FitProgress } from 'stockpot/learn';
import { type CardBlock, defineCard } from 'stockpot/steps';

const FEATURES = 25;

/** How the loss went, and which features the model relies on. */
export const card = defineCard(({ read, report }) => {
  const history = read('history') as FitProgress[];
  const importance = read('importance') as { feature: string; share: number }[];
  const metrics = new Map(
    report.flatMap((entry) => (entry.type === 'metric' ? [[entry.key, entry.value] as const] : [])),
  );
  const blocks: CardBlock[] = [];
  if (metrics.size > 0)
    blocks.push({
      kind: 'table',
      head: ['at the end', 'value'],
      rows: [...metrics].map(([key, value]) => [key, value]),
    });
  const series = [
    { name: 'training', points: pointsOf(history, ({ trainingLoss }) => trainingLoss) },
    { name: 'validation', points: pointsOf(history, ({ validationLoss }) => validationLoss) },
  ].filter(({ points }) => points.length > 1);
  if (series.length > 0)
    blocks.push({ kind: 'lines', title: 'Loss by iteration', x: 'iteration', y: 'loss', series });
  if (importance.length > 0)
    blocks.push({
      kind: 'bars',
      title: 'Importance of the features',
      x: 'share',
      bars: importance.slice(0, FEATURES).map(({ feature, share }) => ({ name: feature, value: share })),
    });
  return blocks;
});

/** Every n-th of a long history, as a page is 500 pixels wide; the last one is always there. */
function pointsOf(
  history: readonly FitProgress[],
  valueOf: (progress: FitProgress) => number | null | undefined,
): [number, number][] {
  const every = Math.ceil(history.length / 1000);
  return history.flatMap((progress, index): [number, number][] => {
    const value = valueOf(progress);
    if (typeof value !== 'number' || (index % every !== 0 && index < history.length - 1)) return [];
    return [[progress.iteration, value]];
  });
}
