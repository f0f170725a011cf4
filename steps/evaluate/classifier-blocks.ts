import type { ClassifierReport } from 'stockpot/learn';
import type { CardBlock } from 'stockpot/steps';

const CLASSES = 30;

/** ROC, precision and recall, calibration for two classes; confusion for any number. */
export function classifierBlocks(
  { curves, calibration = [], confusion }: ClassifierReport,
  classes: readonly string[],
): CardBlock[] {
  const blocks: CardBlock[] = [];
  if (curves !== undefined)
    blocks.push(
      {
        kind: 'lines',
        title: 'ROC',
        x: 'false positive rate',
        y: 'true positive rate',
        series: [{ name: 'model', points: known(curves.roc) }],
        diagonal: true,
      },
      {
        kind: 'lines',
        title: 'Precision and recall',
        x: 'recall',
        y: 'precision',
        series: [{ name: 'model', points: known(curves.pr) }],
      },
    );
  if (calibration.length > 1)
    blocks.push({
      kind: 'lines',
      title: 'Calibration',
      x: 'predicted',
      y: 'observed',
      series: [
        { name: 'model', points: calibration.map(({ predicted, observed }) => [predicted, observed]) },
      ],
      diagonal: true,
    });
  const name = (index: number): string => classes[index] ?? String(index);
  if (confusion.length <= CLASSES)
    blocks.push({
      kind: 'heat',
      title: 'Confusion',
      x: '',
      y: '',
      cells: confusion.flatMap((line, row) =>
        line.map((value, column) => ({ row: `is ${name(row)}`, column: `said ${name(column)}`, value })),
      ),
    });
  return blocks;
}

/** A rate over no rows is NaN, which JSON keeps as null. */
function known(points: readonly (readonly [number | null, number | null])[]): [number, number][] {
  return points.flatMap(([x, y]): [number, number][] => (x === null || y === null ? [] : [[x, y]]));
}
