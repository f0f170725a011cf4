import type { Block } from './blocks.ts';
import { drawPlot } from './draw-plot.ts';

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 1rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
table { border-collapse: collapse; margin: .5rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .75rem; text-align: left; border-bottom: 1px solid var(--line); } th { background: var(--soft); }
td.number { text-align: right; } figure { display: inline-block; margin: 1rem 1rem 1rem 0; vertical-align: top; }
figcaption { font-weight: 600; } .legend span { margin-right: 1rem; }
.verdict { display: inline-block; padding: .2rem .8rem; border-radius: 1rem; font-weight: 700; border: 2px solid currentColor; }
.VALIDATED { color: #059669; } .REJECTED { color: #dc2626; } .UNKNOWN { color: #8a6d00; }
@media print { body { max-width: none; } }`;

const COLOURS = ['#2563eb', '#ea580c', '#059669', '#9333ea'];

/** A page of its own: no network, no script, every text escaped. */
export function cardHtml(title: string, blocks: readonly Block[]): string {
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

function render(block: Block): string {
  switch (block.kind) {
    case 'heading':
      return `<h2>${escapeHtml(block.text)}</h2>`;
    case 'text':
      return `<p>${escapeHtml(block.text)}</p>`;
    case 'verdict':
      return `<p><span class="verdict ${/^(?:VALIDATED|REJECTED)$/.test(block.verdict) ? block.verdict : 'UNKNOWN'}">${escapeHtml(block.verdict)}</span></p>`;
    case 'table':
      return `<table><thead><tr>${block.head.map((one) => `<th>${escapeHtml(one)}</th>`).join('')}</tr></thead><tbody>${block.rows
        .map(
          (row) =>
            `<tr>${row.map((one) => `<td${/^[-+]?[\d.,]+(?: ?%)?$/.test(one) ? ' class="number"' : ''}>${escapeHtml(one)}</td>`).join('')}</tr>`,
        )
        .join('')}</tbody></table>`;
    default: {
      const legend =
        block.kind === 'lines' && block.series.length > 1
          ? `<div class="legend">${block.series.map(({ name }, index) => `<span style="color:${COLOURS[index % COLOURS.length]}">■ ${escapeHtml(name)}</span>`).join('')}</div>`
          : '';
      return `<figure><figcaption>${escapeHtml(block.title)}</figcaption>${legend}${drawPlot(block)}</figure>`;
    }
  }
}

export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
