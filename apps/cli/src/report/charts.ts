/** Small SVG charts: lines over an axis, and one strip of dots per class. Colors come from the page's style sheet. */

export interface Series {
  readonly name: string;
  /** CSS class that gives the color. */
  readonly style: string;
  readonly points: readonly (readonly [number, number])[];
}

export interface LineChart {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly Series[];
  readonly yRange?: readonly [number, number];
}

const WIDTH = 460;
const HEIGHT = 260;
const LEFT = 52;
const RIGHT = 12;
const TOP = 30;
const BOTTOM = 42;

export function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** Round steps that give about `count` ticks. */
export function ticks(low: number, high: number, count = 5): number[] {
  const span = high - low;
  if (!(span > 0)) return [low];
  const rough = span / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough)!;
  const found: number[] = [];
  for (let t = Math.ceil(low / step - 1e-9) * step; t <= high + step * 1e-9; t += step)
    found.push(Math.abs(t) < step * 1e-9 ? 0 : t);
  return found;
}

function label(value: number): string {
  return Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

export function lineChart(chart: LineChart): string {
  const all = chart.series.flatMap((s) => s.points).filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
  if (all.length === 0) return '';
  const xs = all.map(([x]) => x);
  const ys = all.map(([, y]) => y);
  const [x0, x1] = [Math.min(...xs), Math.max(...xs, Math.min(...xs) + 1e-9)];
  let [y0, y1] = chart.yRange ?? [Math.min(...ys), Math.max(...ys)];
  if (!chart.yRange) {
    const pad = (y1 - y0 || Math.abs(y1) || 1) * 0.06;
    [y0, y1] = [y0 - pad, y1 + pad];
  }
  const px = (x: number): number => LEFT + ((x - x0) / (x1 - x0)) * (WIDTH - LEFT - RIGHT);
  const py = (y: number): number => HEIGHT - BOTTOM - ((y - y0) / (y1 - y0)) * (HEIGHT - TOP - BOTTOM);
  const grid = ticks(y0, y1).map(
    (t) =>
      `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${py(t).toFixed(1)}" y2="${py(t).toFixed(1)}"/><text class="tick" x="${LEFT - 6}" y="${(py(t) + 3.5).toFixed(1)}" text-anchor="end">${label(t)}</text>`,
  );
  const below = ticks(x0, x1, 6).map(
    (t) =>
      `<text class="tick" x="${px(t).toFixed(1)}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle">${label(t)}</text>`,
  );
  const lines = chart.series.map((s) => {
    const usable = s.points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
    const path = usable
      .map(([x, y], k) => `${k === 0 ? 'M' : 'L'}${px(x).toFixed(1)} ${py(Math.min(Math.max(y, y0), y1)).toFixed(1)}`)
      .join('');
    const only =
      usable.length === 1
        ? `<circle class="dot ${s.style}" cx="${px(usable[0]![0])}" cy="${py(usable[0]![1])}" r="3"/>`
        : '';
    return `<path class="line ${s.style}" d="${path}"/>${only}`;
  });
  let at = LEFT;
  const legend = chart.series.map((s) => {
    const entry = `<rect class="key ${s.style}" x="${at}" y="${TOP - 20}" width="14" height="3" rx="1"/><text class="tick" x="${at + 18}" y="${TOP - 15}">${escapeText(s.name)}</text>`;
    at += 30 + s.name.length * 6.2;
    return entry;
  });
  return `<figure><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeText(chart.title)}">${grid.join('')}${below.join('')}${lines.join('')}${legend.join('')}<text class="axis" x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 6}" text-anchor="middle">${escapeText(chart.xLabel)}</text><text class="axis" transform="translate(13 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">${escapeText(chart.yLabel)}</text></svg><figcaption>${escapeText(chart.title)}</figcaption></figure>`;
}

/** One row of dots per class: every case is a dot at its Dice, the median a bar. */
export function diceStrips(
  rows: readonly {
    readonly name: string;
    readonly style: string;
    readonly values: readonly { readonly id: string; readonly dice: number }[];
  }[],
): string {
  const all = rows.flatMap((r) => r.values.map((v) => v.dice));
  if (all.length === 0) return '';
  const low = Math.max(0, Math.floor(Math.min(...all) * 10 - 0.5) / 10);
  const height = 40 + rows.length * 54;
  const width = 940;
  const left = 130;
  const px = (d: number): number => left + ((d - low) / (1 - low)) * (width - left - 24);
  const grid = ticks(low, 1, 8).map(
    (t) =>
      `<line class="grid" x1="${px(t)}" x2="${px(t)}" y1="8" y2="${height - 30}"/><text class="tick" x="${px(t)}" y="${height - 12}" text-anchor="middle">${label(t)}</text>`,
  );
  const strips = rows.map((row, k) => {
    const middle = 36 + k * 54;
    const sorted = row.values.map((v) => v.dice).sort((a, b) => a - b);
    const median =
      sorted.length % 2
        ? sorted[(sorted.length - 1) / 2]!
        : (sorted[sorted.length / 2 - 1]! + sorted[sorted.length / 2]!) / 2;
    const dots = row.values.map(
      (v, i) =>
        `<circle class="dot ${row.style}" cx="${px(v.dice).toFixed(1)}" cy="${(middle + (((i * 7919) % 23) - 11)).toFixed(1)}" r="4"><title>${escapeText(v.id)}: ${v.dice.toFixed(3)}</title></circle>`,
    );
    return `<text class="axis" x="${left - 14}" y="${middle + 4}" text-anchor="end">${escapeText(row.name)}</text>${dots.join('')}<line class="median" x1="${px(median)}" x2="${px(median)}" y1="${middle - 18}" y2="${middle + 18}"/>`;
  });
  return `<figure class="wide"><svg viewBox="0 0 ${width} ${height}" role="img" aria-label="Dice per case and class">${grid.join('')}${strips.join('')}</svg><figcaption>Dice of every case, per class; the bar is the median. Point at a dot for its case.</figcaption></figure>`;
}
