import { describe, expect, it } from 'vitest';
import { alignedGrid, type Volume } from '@voxelwise/volume';
import { contourPath } from './contours.ts';
import { casePanels } from './slices.ts';
import { casesToDraw, renderReport } from './report.ts';
import type { CaseScore, RunSummary } from './run-summary.ts';

const score = (id: string, dice: number): CaseScore => ({
  id,
  split: 'validation',
  meanDice: dice,
  perClass: { Anterior: { dice, hd95: 1 } },
  image: '',
  reference: '',
  prediction: '',
});

const summary: RunSummary = {
  version: 1,
  title: 'Dataset004 <Hippocampus>',
  dataset: { name: 'Hippocampus', cases: 3, channels: ['MRI'], labels: { background: 0, Anterior: 1 } },
  meanDice: 0.8,
  perClass: { Anterior: { dice: 0.8, hd95: 1.5 } },
  seconds: 61,
  peakMemoryBytes: 2 ** 30,
  device: 'wasm',
  stages: [{ name: 'train', seconds: 50 }],
  recipe: 'short',
  plan: [{ name: 'patch', value: '40 × 56 × 40', why: 'covers the median case' }],
  candidates: [
    { name: '2d', meanDice: 0.8, chosen: false },
    { name: '2d with 3d_fullres', meanDice: 0.85, chosen: true },
  ],
  curves: [
    {
      configuration: '3d_fullres',
      fold: '0',
      points: [0, 1].map((epoch) => ({
        epoch,
        step: epoch * 10,
        seconds: epoch * 5,
        trainLoss: -0.1 * epoch,
        validationLoss: null,
        pseudoDice: 0.5 + 0.1 * epoch,
        emaDice: null,
        learningRate: 0.01,
      })),
    },
  ],
  cases: [score('a', 0.9), score('b', 0.8), score('c', 0.7)],
  warnings: ['one <warning>'],
  environment: [['node', 'v20']],
  hashes: [{ file: 'plans.json', sha256: 'ab' }],
};

describe('report', () => {
  it('chooses the best, the median and the worst case', () => {
    expect(casesToDraw(summary.cases).map((c) => `${c.rank} ${c.score.id}`)).toEqual(['best a', 'median b', 'worst c']);
    expect(casesToDraw([score('only', 0.5)])).toHaveLength(1);
    expect(casesToDraw([])).toEqual([]);
  });
  it('is one file with nothing to load, and escapes what it is given', () => {
    const html = renderReport(summary, []);
    expect(html).toContain('Dataset004 &lt;Hippocampus&gt;');
    expect(html).toContain('one &lt;warning&gt;');
    expect(html).not.toMatch(/(?:src|href)="(?!data:)/);
    expect(html).toContain('covers the median case');
  });
  it('outlines a label by closed loops that enclose its area', () => {
    const inside = (r: number, c: number): boolean => r >= 1 && r <= 2 && c >= 1 && c <= 3;
    const path = contourPath(inside, 4, 5);
    const points = [...path.matchAll(/([\d.]+) ([\d.]+)/g)].map((m) => [Number(m[1]), Number(m[2])] as const);
    const area =
      Math.abs(
        points.reduce(
          (sum, [x, y], k) => sum + x * points[(k + 1) % points.length]![1] - y * points[(k + 1) % points.length]![0],
          0,
        ),
      ) / 2;
    expect(path.match(/Z/g)).toHaveLength(1);
    expect(area).toBeCloseTo(5.5, 6); // 6 pixels, each corner cut by 1/8
  });
  it('draws three planes, each with truth and prediction', () => {
    const grid = alignedGrid([4, 5, 6]);
    const labels = new Uint8Array(120);
    labels[60] = 1;
    const image: Volume = {
      grid,
      kind: 'intensity',
      channels: ['MRI'],
      voxels: Float32Array.from({ length: 120 }, (_, k) => k),
    };
    const truth: Volume = { grid, kind: 'labels', channels: ['labels'], voxels: labels };
    const html = casePanels({ image, reference: truth, prediction: truth, labels: [1] });
    expect(html.match(/class="panel"/g)).toHaveLength(9);
    expect(html.match(/class="area c0"/g)).toHaveLength(6);
    expect(html.match(/data:image\/png;base64/g)).toHaveLength(9);
  });
});
