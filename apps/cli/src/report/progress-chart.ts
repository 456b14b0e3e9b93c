/** progress.svg of a fold: loss and pseudo Dice over the steps, as one picture of its own. */
import { lineChart } from './charts.ts';
import type { CurvePoint } from './run-summary.ts';

const STYLE =
  '.grid{stroke:#dfe3e8}.tick{fill:#5b6570;font:10.5px sans-serif}.axis{fill:#5b6570;font:11.5px sans-serif}.line{fill:none;stroke-width:1.8}.line.s0{stroke:#0b6e99}.line.s1{stroke:#d1602b}.line.s2{stroke:#3a8a3f}.line.s3{stroke:#8a4fb0}.key.s0,.dot.s0{fill:#0b6e99}.key.s1,.dot.s1{fill:#d1602b}.key.s2,.dot.s2{fill:#3a8a3f}.key.s3,.dot.s3{fill:#8a4fb0}';

export function progressChart(points: readonly CurvePoint[], title: string): string {
  const series = (
    name: string,
    style: string,
    key: 'trainLoss' | 'validationLoss' | 'pseudoDice' | 'emaDice',
  ): { name: string; style: string; points: (readonly [number, number])[] } => ({
    name,
    style,
    points: points.flatMap((p) => (p[key] === null ? [] : [[p.step, p[key]] as const])),
  });
  const charts = [
    lineChart({
      title,
      xLabel: 'steps',
      yLabel: 'loss',
      series: [series('training', 's0', 'trainLoss'), series('validation', 's1', 'validationLoss')].filter(
        (s) => s.points.length > 0,
      ),
    }),
    lineChart({
      title,
      xLabel: 'steps',
      yLabel: 'pseudo Dice',
      series: [series('per epoch', 's2', 'pseudoDice'), series('moving average', 's3', 'emaDice')].filter(
        (s) => s.points.length > 0,
      ),
      yRange: [0, 1],
    }),
  ].filter((chart) => chart !== '');
  const pictures = charts.map((chart, k) =>
    /<svg[\s\S]*<\/svg>/.exec(chart)![0].replace('<svg ', `<svg x="0" y="${k * 260}" width="460" height="260" `),
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 460 ${Math.max(1, charts.length) * 260}"><style>${STYLE}</style><rect width="100%" height="100%" fill="#fff"/>${pictures.join('')}</svg>\n`;
}
