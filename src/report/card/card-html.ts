import type { CardBlock, CardCell } from '../../core/card-block.ts';
import { escapeHtml } from '../text/escape-html.ts';
import { formatNumber } from '../text/format.ts';
import { drawPlot } from './draw-plot.ts';
import { PLOT_COLOURS } from './plot-colours.ts';

const STYLE = `
:root { color-scheme: light dark; --line: #8883; --soft: #8881; --accent: #2563eb; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: .5rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .75rem; text-align: left; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: break-word; max-width: 40rem; }
th { background: var(--soft); white-space: nowrap; } .number { text-align: right; } .share { white-space: nowrap; }
.digest { font-family: ui-monospace, monospace; font-size: .85em; }
.bar { display: inline-block; width: 4rem; height: .7em; margin-right: .5rem; background: var(--soft); }
.bar i { display: block; height: 100%; background: var(--accent); }
figure { display: inline-block; margin: 1rem 1rem 1rem 0; vertical-align: top; max-width: 100%; } svg { max-width: 100%; height: auto; }
figcaption { font-weight: 600; } .legend span { margin-right: 1rem; }
pre { background: var(--soft); padding: .75rem; overflow-x: auto; font-size: .85em; }
.warning { border-left: 4px solid #d97706; padding: .25rem .75rem; background: var(--soft); }
.verdict { display: inline-block; padding: .2rem .8rem; border-radius: 1rem; font-weight: 700; border: 2px solid currentColor; }
.VALIDATED { color: #059669; } .REJECTED { color: #dc2626; } .UNKNOWN { color: #a16207; }
@media print { body { max-width: none; } }`;

/** A page of its own: no network, no script, every text escaped. */
export function cardHtml(title: string, blocks: readonly CardBlock[]): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title><style>${STYLE}</style></head>
<body><h1>${escapeHtml(title)}</h1>
${blocks.map(render).join('\n')}
</body></html>
`;
}

function render(block: CardBlock): string {
  switch (block.kind) {
    case 'heading':
      return `<h2>${escapeHtml(block.text)}</h2>`;
    case 'text':
      return `<p>${escapeHtml(block.text)}</p>`;
    case 'warning':
      return `<p class="warning">${escapeHtml(block.text)}</p>`;
    case 'log':
      return `<pre>${escapeHtml(block.text)}</pre>`;
    case 'verdict':
      return `<p><span class="verdict ${/^(?:VALIDATED|REJECTED)$/.test(block.verdict) ? block.verdict : 'UNKNOWN'}">${escapeHtml(block.verdict)}</span></p>`;
    case 'table':
      return tableHtml(block);
    default: {
      const legend =
        block.kind === 'lines' && block.series.length > 1
          ? `<div class="legend">${block.series.map(({ name }, index) => `<span style="color:${PLOT_COLOURS[index % PLOT_COLOURS.length]}">■ ${escapeHtml(name)}</span>`).join('')}</div>`
          : '';
      return `<figure role="img" aria-label="${escapeHtml(block.title)}"><figcaption>${escapeHtml(block.title)}</figcaption>${legend}${drawPlot(block)}</figure>`;
    }
  }
}

function tableHtml({ head, rows }: Extract<CardBlock, { kind: 'table' }>): string {
  const isNumber = head.map((_, index) => rows.some((row) => typeof row[index] === 'number'));
  const aligned = (index: number): string => (isNumber[index] === true ? ' class="number"' : '');
  const titles = head.map((one, index) => `<th${aligned(index)}>${escapeHtml(one)}</th>`).join('');
  const lines = rows.map((row) => `<tr>${row.map(cellHtml).join('')}</tr>`).join('');
  return `<div class="wide"><table><thead><tr>${titles}</tr></thead><tbody>${lines}</tbody></table></div>`;
}

function cellHtml(cell: CardCell): string {
  if (cell === null) return '<td></td>';
  if (typeof cell === 'number') return `<td class="number">${formatNumber(cell)}</td>`;
  if (typeof cell === 'string')
    return /^[0-9a-f]{64}$/.test(cell)
      ? `<td class="digest" title="${cell}">${cell.slice(0, 16)}…</td>`
      : `<td>${escapeHtml(cell)}</td>`;
  if (cell.kind === 'share') return `<td class="share">${shareHtml(cell.value)}</td>`;
  return `<td>${sparkHtml(cell.counts)}</td>`;
}

function shareHtml(value: number): string {
  const percent = value * 100;
  const text = percent > 0 && percent < 0.05 ? '< 0.1' : percent.toFixed(1).replace(/\.0$/, '');
  return `<span class="bar"><i style="width:${percent.toFixed(2)}%"></i></span>${text} %`;
}

function sparkHtml(counts: readonly number[]): string {
  const most = Math.max(1, ...counts);
  const bars = counts
    .map((count, index) => {
      const height = (count / most) * 20;
      return `<rect x="${index * 5}" y="${(20 - height).toFixed(2)}" width="4" height="${height.toFixed(2)}"/>`;
    })
    .join('');
  return `<svg width="${counts.length * 5}" height="20" fill="${PLOT_COLOURS[0]}" role="img" aria-label="histogram">${bars}</svg>`;
}
