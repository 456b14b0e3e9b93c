/** `convert` on DICOM, as a user calls it: series, SEG and RTSTRUCT to volumes and back, every remedy for a faulty series. */
import { readVolume } from '@voxelwise/io/node';
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { runLine, temporaryFolder } from '../testing/command-line.ts';

const work = temporaryFolder();
afterAll(work.remove);

const hippocampus = fileURLToPath(new URL('../../../../libs/io/fixtures/dicom/hippo_case', import.meta.url));
const images = join(hippocampus, 'image');

describe('convert', () => {
  it('writes a series as a volume', async () => {
    const made = await runLine(['convert', images, '--out', work.at('image.nii.gz')]);
    expect(made.kind).toBe('volume');
    const volume = await readVolume(work.at('image.nii.gz'));
    expect(volume.grid.shape).toEqual(made.shape);
    expect(volume.grid.shape[0]).toBe(readdirSync(images).length);
  });

  it('lays SEG and RTSTRUCT on the grid of the series, names beside', async () => {
    for (const [object, ...more] of [['seg_binary_2segments.dcm'], ['rtstruct.dcm', '--reference', images]] as const) {
      const out = work.at(`${object}.nii.gz`);
      const made = await runLine(['convert', join(hippocampus, object), ...more, '--out', out]);
      expect(made.masks).toHaveLength(2);
      const names = JSON.parse(readFileSync(out.replace('.nii.gz', '.labels.json'), 'utf8')) as object;
      expect(Object.values(names)).toEqual([0, 1, 2]);
      expect(new Set((await readVolume(out)).voxels)).toEqual(new Set([0, 1, 2]));
    }
    const whole = await runLine(['convert', images, '--out', work.at('grid.nrrd')]);
    const [seg, contours] = await Promise.all(
      ['seg_binary_2segments.dcm', 'rtstruct.dcm'].map((name) => readVolume(work.at(`${name}.nii.gz`))),
    );
    expect(contours!.grid.shape).toEqual(whole.shape);
    expect(contours!.voxels.filter((v) => v > 0).length).toBeGreaterThan(0);
    expect(seg!.voxels.filter((v) => v > 0).length).toBe(contours!.voxels.filter((v) => v > 0).length);
  });

  it('writes labels as SEG and RTSTRUCT of a series, and reads the same back', async () => {
    const labels = work.at('labels.nii.gz');
    await runLine(['convert', join(hippocampus, 'rtstruct.dcm'), '--reference', images, '--out', labels]);
    const before = await readVolume(labels);
    for (const form of ['dicom-seg', 'rtstruct']) {
      const [object, back] = [work.at(`${form}.dcm`), work.at(`${form}.nrrd`)];
      await runLine(['convert', labels, '--to', form, '--reference', images, '--rois', 'front,rear', '--out', object]);
      const made = await runLine(['convert', object, '--reference', images, '--rois', 'front,rear', '--out', back]);
      expect(made.labels).toEqual({ 1: 'front', 2: 'rear' });
      expect([...(await readVolume(back)).voxels]).toEqual([...before.voxels]);
    }
  });

  it('finds the series that masks were made on among others, lays them where its gaps were filled, writes label maps', async () => {
    const folder = work.at('mixed');
    cpSync(images, join(folder, 'a'), { recursive: true });
    const strange = join(hippocampus, '../series/nonsquare_pixels_rescale');
    cpSync(strange, join(folder, 'b'), { recursive: true });
    for (const [object, lack] of [
      ['rtstruct.dcm', false],
      ['seg_binary_2segments.dcm', true],
    ] as const) {
      if (lack) rmSync(join(folder, 'a', '010.dcm'));
      const line = ['convert', join(hippocampus, object), '--reference', folder, '--out', work.at('mixed.nii')];
      if (lack) await expect(runLine(line)).rejects.toThrow('1 slice(s) missing');
      const made = await runLine([...line, '--on-uneven', 'resample']);
      expect(made.shape).toEqual((await readVolume(work.at('image.nii.gz'))).grid.shape);
    }
    const back = ['--reference', join(folder, 'a'), '--on-uneven', 'resample', '--out', work.at('map.dcm')];
    await runLine(['convert', work.at('mixed.nii'), '--to', 'dicom-labelmap', ...back]);
    const again = ['convert', work.at('map.dcm'), '--reference', folder, '--on-uneven', 'resample'];
    await runLine([...again, '--out', work.at('again.nii')]);
    const [before, after] = [await readVolume(work.at('mixed.nii')), await readVolume(work.at('again.nii'))];
    const plane = before.grid.shape[1] * before.grid.shape[2];
    const missing = (i: number): boolean => Math.floor(i / plane) === 10;
    expect([...after.voxels]).toEqual([...before.voxels].map((v, i) => (missing(i) ? 0 : v)));
    cpSync(join(hippocampus, 'rtstruct.dcm'), join(work.at('two'), 'a.dcm'));
    cpSync(join(hippocampus, 'rtstruct.dcm'), join(work.at('two'), 'b.dcm'));
    await expect(runLine(['convert', work.at('two'), '--out', work.at('x.nii')])).rejects.toThrow(
      'name the file of one',
    );
  });

  it('refuses a series with a missing slice, and fills the gap when asked', async () => {
    const folder = work.at('gap');
    mkdirSync(folder);
    cpSync(images, folder, { recursive: true });
    rmSync(join(folder, '010.dcm'));
    const line = ['convert', folder, '--out', work.at('gap.nii.gz')];
    await expect(runLine(line)).rejects.toThrow(/1 slice\(s\) missing between/);
    const made = await runLine([...line, '--on-uneven', 'resample']);
    const whole = await readVolume(work.at('image.nii.gz'));
    expect(made.shape).toEqual(whole.grid.shape);
    const gap = await readVolume(work.at('gap.nii.gz'));
    const plane = whole.grid.shape[1] * whole.grid.shape[2];
    const differing = new Set(
      [...gap.voxels.entries()].filter(([i, v]) => v !== whole.voxels[i]).map(([i]) => Math.floor(i / plane)),
    );
    expect(differing.size).toBe(1);
  });

  it('writes every series of a folder that is a volume, and tells why another is not', async () => {
    const folder = work.at('several');
    cpSync(images, join(folder, 'a'), { recursive: true });
    cpSync(work.at('gap'), join(folder, 'b'), { recursive: true });
    // The second series, by an identifier of its own of the same length.
    const uid = (await runLine(['convert', images, '--out', work.at('one.nii')])).series as string;
    const other = `${uid.slice(0, -1)}${uid.endsWith('7') ? '8' : '7'}`;
    for (const name of readdirSync(join(folder, 'b'))) {
      const path = join(folder, 'b', name);
      writeFileSync(path, Buffer.from(readFileSync(path, 'latin1').replaceAll(uid, other), 'latin1'));
    }
    const line = ['convert', folder, '--out', work.at('volumes')];
    await expect(runLine(line)).rejects.toThrow('choose one with --series');
    const made = await runLine([...line, '--series', 'all']);
    expect(made.volumes).toMatchObject([{ series: uid, output: work.at('volumes', 'MR_HippoCrop.nii.gz') }]);
    expect(made.refused).toMatchObject([{ series: other, reason: expect.stringContaining('missing') as string }]);
    const both = await runLine([...line, '--series', 'all', '--on-uneven', 'resample', '--to', 'nrrd']);
    expect(readdirSync(work.at('volumes')).sort()).toEqual([
      'MR_HippoCrop.nii.gz',
      'MR_HippoCrop.nrrd',
      'MR_HippoCrop_2.nrrd',
    ]);
    expect(both.refused).toEqual([]);
  });

  it('is told by the doctor what a series lacks, and what to do', async () => {
    const line = ['doctor', work.at('gap'), '--json'];
    expect((await runLine(line)).faults).toMatchObject([
      { code: 'missing-slice', severity: 'error', fix: expect.stringContaining('--on-uneven resample') as string },
    ]);
    expect((await runLine(['doctor', images, '--json'])).faults).toEqual([]);
    process.exitCode = 0;
  });

  it('refuses flags that it does not know', async () => {
    await expect(runLine(['convert', images, '--out', work.at('x.nii'), '--on-tilt', 'bend'])).rejects.toThrow(
      "--on-tilt is refuse, shear, keep; came 'bend'",
    );
  });
});
