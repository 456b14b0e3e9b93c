/** The report: one HTML file that opens offline and holds everything worth looking at after a run. */
import { diceStrips, escapeText, lineChart } from './charts.ts';
import type { CaseScore, FoldCurve, RunSummary } from './run-summary.ts';
import { STYLE } from './style.ts';
import { formatSeconds } from '../terminal/progress.ts';
import { formatBytes } from '../values.ts';

/** Panels of a case, drawn by the caller, who can read files. */
export interface DrawnCase {
  readonly rank: 'best' | 'median' | 'worst';
  readonly score: CaseScore;
  readonly panels: string;
}

/** Which cases to draw: by mean Dice the best, the median and the worst. */
export function casesToDraw(
  cases: readonly CaseScore[],
): { readonly rank: DrawnCase['rank']; readonly score: CaseScore }[] {
  const sorted = cases.filter((c) => c.meanDice !== null).sort((a, b) => b.meanDice! - a.meanDice!);
  if (sorted.length === 0) return [];
  const chosen: { rank: DrawnCase['rank']; score: CaseScore }[] = [{ rank: 'best', score: sorted[0]! }];
  if (sorted.length > 2) chosen.push({ rank: 'median', score: sorted[Math.floor(sorted.length / 2)]! });
  if (sorted.length > 1) chosen.push({ rank: 'worst', score: sorted.at(-1)! });
  return chosen;
}

export function renderReport(summary: RunSummary, drawn: readonly DrawnCase[]): string {
  const title = `${summary.title} · Voxelwise`;
  const sections = [
    tiles(summary),
    summary.warnings.map((text) => `<div class="warn">${escapeText(text)}</div>`).join(''),
    section('Scores', diceStrips(strips(summary)) + scoreTable(summary)),
    section('Cases to look at', drawn.map((d) => drawnCase(summary, d)).join('')),
    section('What was compared, and chosen', candidateTable(summary)),
    section('Learning', `<div class="charts">${summary.curves.map(curveCharts).join('')}</div>`),
    section('What was planned, and why', planTable(summary) + stageBar(summary)),
    section('How to get the same again', environmentTable(summary)),
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${escapeText(title)}</title><style>${STYLE}</style></head>
<body><main><h1>${escapeText(summary.title)}</h1><p class="sub">${escapeText(subtitle(summary))}</p>
${sections.join('\n')}
<footer>Written by Voxelwise. Research software: not a medical device, not for diagnosis.</footer></main></body></html>
`;
}

function section(title: string, body: string): string {
  return body === '' ? '' : `<section><h2>${escapeText(title)}</h2>${body}</section>`;
}

function subtitle({ dataset, recipe, device }: RunSummary): string {
  return `${dataset.cases} cases · ${dataset.channels.join(', ')} · ${recipe} · ${device}`;
}

function tiles(summary: RunSummary): string {
  const classes = Object.entries(summary.perClass).map(([name, metrics]) =>
    tile(score(metrics['dice']), `Dice ${name}`),
  );
  return `<div class="tiles">${tile(score(summary.meanDice), 'mean Dice', 'main')}${classes.slice(0, 6).join('')}${tile(String(summary.cases.length), 'cases scored')}${tile(formatSeconds(summary.seconds), 'in all')}${tile(formatBytes(summary.peakMemoryBytes), 'peak memory')}</div>`;
}

function tile(value: string, caption: string, style = ''): string {
  return `<div class="tile ${style}"><b>${escapeText(value)}</b><span>${escapeText(caption)}</span></div>`;
}

function score(value: number | null | undefined): string {
  return value === null || value === undefined || Number.isNaN(value) ? '–' : value.toFixed(3);
}

function strips(summary: RunSummary): Parameters<typeof diceStrips>[0] {
  return Object.keys(summary.perClass).map((name, k) => ({
    name,
    style: `s${k % 4}`,
    values: summary.cases.flatMap((c) => {
      const dice = c.perClass[name]?.['dice'];
      return typeof dice === 'number' ? [{ id: c.id, dice }] : [];
    }),
  }));
}

/** Scores in the table, with their units. */
const SHOWN: readonly (readonly [string, string])[] = [
  ['dice', 'Dice'],
  ['hd95', 'HD95 mm'],
  ['assd', 'ASSD mm'],
  ['nsd', 'surface Dice'],
];

function scoreTable(summary: RunSummary): string {
  const classes = Object.keys(summary.perClass);
  const metrics = SHOWN.filter(([metric]) =>
    summary.cases.some((c) => classes.some((name) => metric in (c.perClass[name] ?? {}))),
  );
  const columns = classes.flatMap((name) => metrics.map(([metric, title]) => ({ name, metric, title })));
  const cell = (value: number | null | undefined): string => `<td class="n">${score(value)}</td>`;
  const rows = [...summary.cases]
    .sort((a, b) => (a.meanDice ?? 0) - (b.meanDice ?? 0))
    .map(
      (c) =>
        `<tr><td>${escapeText(c.id)}</td><td>${c.split}</td>${cell(c.meanDice)}${columns.map(({ name, metric }) => cell(c.perClass[name]?.[metric])).join('')}</tr>`,
    );
  const head = `<tr><th>case</th><th>set</th><th class="n">mean Dice</th>${columns.map(({ name, title }) => `<th class="n">${escapeText(name)}<br>${title}</th>`).join('')}</tr>`;
  return `<div class="scroll"><table><thead>${head}</thead><tbody>${rows.join('')}</tbody></table></div>`;
}

function drawnCase(summary: RunSummary, { rank, score: c, panels }: DrawnCase): string {
  const legend = Object.keys(summary.perClass)
    .map((name, k) => `<i class="swatch c${k % 8}"></i>${escapeText(name)} ${score(c.perClass[name]?.['dice'])}`)
    .join('');
  return `<div class="case"><h3>${rank[0]!.toUpperCase()}${rank.slice(1)}: ${escapeText(c.id)}</h3><p>mean Dice ${score(c.meanDice)} (${c.split})${legend}</p>${panels}</div>`;
}

function curveCharts(fold: FoldCurve): string {
  const name = `${fold.configuration}, fold ${fold.fold}`;
  const minutes = (seconds: number): number => seconds / 60;
  const pick = (
    key: 'trainLoss' | 'validationLoss' | 'pseudoDice' | 'emaDice' | 'learningRate',
    x: 'step' | 'seconds',
  ): (readonly [number, number])[] =>
    fold.points.flatMap((p) =>
      p[key] === null ? [] : [[x === 'step' ? p.step : minutes(p.seconds), p[key]] as const],
    );
  return [
    lineChart({
      title: `Loss, ${name}`,
      xLabel: 'steps',
      yLabel: 'Dice + cross-entropy',
      series: [
        { name: 'training', style: 's0', points: pick('trainLoss', 'step') },
        { name: 'validation', style: 's1', points: pick('validationLoss', 'step') },
      ].filter((s) => s.points.length > 0),
    }),
    lineChart({
      title: `Dice on validation patches against minutes of training, ${name}`,
      xLabel: 'minutes',
      yLabel: 'pseudo Dice',
      series: [
        { name: 'per epoch', style: 's2', points: pick('pseudoDice', 'seconds') },
        { name: 'moving average', style: 's3', points: pick('emaDice', 'seconds') },
      ].filter((s) => s.points.length > 0),
      yRange: [0, 1],
    }),
    lineChart({
      title: `Learning rate, ${name}`,
      xLabel: 'steps',
      yLabel: 'learning rate',
      series: [{ name: 'learning rate', style: 's0', points: pick('learningRate', 'step') }],
    }),
  ].join('');
}

function candidateTable({ candidates }: RunSummary): string {
  if (candidates.length < 2) return '';
  const rows = candidates.map(
    ({ name, meanDice, chosen }) =>
      `<tr><td>${chosen ? '→' : ''}</td><td>${escapeText(name)}</td><td class="n">${meanDice.toFixed(4)}</td></tr>`,
  );
  return `<table><thead><tr><th></th><th>model</th><th class="n">mean Dice, validation</th></tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

function planTable(summary: RunSummary): string {
  const rows = summary.plan.map(
    (row) =>
      `<tr><td>${escapeText(row.name)}</td><td>${escapeText(row.value)}</td><td>${escapeText(row.why)}</td></tr>`,
  );
  return `<table><thead><tr><th>what</th><th>chosen</th><th>why</th></tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

function stageBar(summary: RunSummary): string {
  const total = summary.stages.reduce((sum, s) => sum + s.seconds, 0);
  if (total <= 0) return '';
  const parts = summary.stages
    .filter((s) => s.seconds > 0)
    .map(
      (s, k) =>
        `<div title="${escapeText(s.name)} ${formatSeconds(s.seconds)}" style="flex:${(s.seconds / total).toFixed(4)} 0 0;background:var(--s${k % 4})">${escapeText(s.name)} ${formatSeconds(s.seconds)}</div>`,
    );
  return `<h3>Where the time went</h3><div class="bar">${parts.join('')}</div>`;
}

function environmentTable(summary: RunSummary): string {
  const rows = summary.environment.map(
    ([name, value]) => `<tr><td>${escapeText(name)}</td><td><code>${escapeText(value)}</code></td></tr>`,
  );
  const hashes = summary.hashes.map(
    ({ file, sha256 }) => `<tr><td>${escapeText(file)}</td><td><code>${sha256}</code></td></tr>`,
  );
  return `<table><tbody>${rows.join('')}</tbody></table><h3>SHA-256</h3><div class="scroll"><table><tbody>${hashes.join('')}</tbody></table></div>`;
}
