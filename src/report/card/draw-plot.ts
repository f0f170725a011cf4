import { barX, cell, dot, gridX, gridY, line, link, plot, text } from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import type { CardPlot } from '../../core/card-block.ts';
import { unreachable } from '../../core/failure.ts';
import { PLOT_COLOURS } from './plot-colours.ts';

/** A plot as SVG text. Its words are set by the drawing library as text nodes, so they stay words. */
export function drawPlot(spec: CardPlot): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const base = {
    document: document,
    width: 520,
    height: 300,
    marginLeft: 60,
    marginBottom: 40,
    style: { background: 'none', fontSize: '12px' },
  };
  const svg = plot({ ...base, ...optionsOf(spec) });
  // Plot puts a style sheet into each drawing; the page has one.
  for (const style of svg.querySelectorAll('style')) style.remove();
  return svg.outerHTML;
}

function optionsOf(spec: CardPlot): object {
  switch (spec.kind) {
    case 'lines': {
      const points = spec.series.flatMap(({ name, points: own }) => own.map(([x, y]) => ({ name, x, y })));
      return {
        x: { label: spec.x },
        y: { label: spec.y },
        color: { domain: spec.series.map(({ name }) => name), range: PLOT_COLOURS },
        marks: [
          gridX(),
          gridY(),
          ...(spec.diagonal === true ? [diagonal(0, 1)] : []),
          line(points, { x: 'x', y: 'y', stroke: 'name', strokeWidth: 2 }),
        ],
      };
    }
    case 'dots': {
      const points = spec.points.map(([x, y]) => ({ x, y }));
      const all = spec.points.flat();
      const [low, high] = [Math.min(...all), Math.max(...all)];
      return {
        x: { label: spec.x },
        y: { label: spec.y },
        marks: [
          gridX(),
          gridY(),
          ...(spec.diagonal === true && all.length > 0 ? [diagonal(low, high)] : []),
          dot(points, { x: 'x', y: 'y', r: 2, fill: PLOT_COLOURS[0], fillOpacity: 0.5 }),
        ],
      };
    }
    case 'bars': {
      const bars = spec.bars.map(({ name, value }) => ({
        name: name.length > 28 ? `${name.slice(0, 27)}…` : name,
        value,
      }));
      return {
        height: 40 + 22 * bars.length,
        marginLeft: 190,
        x: { label: spec.x },
        y: { label: null, domain: bars.map(({ name }) => name) },
        marks: [gridX(), barX(bars, { x: 'value', y: 'name', fill: PLOT_COLOURS[0] })],
      };
    }
    case 'heat':
      return {
        x: { label: spec.x, domain: [...new Set(spec.cells.map(({ column }) => column))] },
        y: { label: spec.y, domain: [...new Set(spec.cells.map(({ row }) => row))] },
        marginLeft: 100,
        color: { scheme: 'blues' },
        marks: [
          cell(spec.cells, { x: 'column', y: 'row', fill: 'value', inset: 1 }),
          text(spec.cells, {
            x: 'column',
            y: 'row',
            text: (one: { value: number }) => one.value.toLocaleString('en-US'),
            fill: 'black',
            stroke: 'white',
            strokeWidth: 3,
          }),
        ],
      };
    default:
      return unreachable(spec);
  }
}

/** From corner to corner: chance, or truth. */
function diagonal(from: number, to: number): ReturnType<typeof link> {
  return link([0], {
    x1: from,
    y1: from,
    x2: to,
    y2: to,
    stroke: 'currentColor',
    strokeOpacity: 0.3,
    strokeDasharray: '4',
  });
}
