/** The DICOMweb client against a real Orthanc on loopback: query, fetch a series, segment, store the result back. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServerError } from '../../errors.ts';
import { readDicomFile } from '../dataset/parse.ts';
import { TAG } from '../dataset/tags.ts';
import { readStack } from '../series/read-volume.ts';
import { scanDicom } from '../series/scan.ts';
import { readSegmentation } from '../segmentation/read-segmentation.ts';
import { targetOf } from '../segmentation/target.ts';
import { writeSegmentation } from '../segmentation/write-segmentation.ts';
import { readStructures } from '../structures/read-structures.ts';
import { writeStructures } from '../structures/write-structures.ts';
import { hasOrthanc, orthancNote, startOrthanc } from '../../testing/orthanc.ts';
import type { Orthanc } from '../../testing/orthanc.ts';
import { dicomWeb } from './dicom-web.ts';

const fixtures = fileURLToPath(new URL('../../../fixtures/dicom/', import.meta.url));
describe.skipIf(!hasOrthanc)(`DICOMweb with Orthanc${orthancNote}`, () => {
  let server: Orthanc;
  beforeAll(async () => {
    server = await startOrthanc();
  }, 40_000);
  afterAll(() => server?.stop());

  it('stores a series, finds it, fetches it, and takes its segmentation and structures', async () => {
    const headers = { authorization: `Basic ${Buffer.from(`${server.user}:${server.password}`).toString('base64')}` };
    const web = dicomWeb({ url: `${server.root}/dicom-web/`, headers });
    expect(await web.searchStudies()).toEqual([]);
    const source = join(fixtures, 'hippo_case/image');
    const files = readdirSync(source).map((name) => new Uint8Array(readFileSync(join(source, name))));
    const stored = await web.store(files);
    expect(stored.stored).toHaveLength(files.length);
    expect(stored.failed).toEqual([]);

    const studies = await web.searchStudies({ PatientID: 'HIP*' });
    expect(studies).toHaveLength(1);
    const { study } = studies[0]!;
    const series = await web.searchSeries(study);
    expect(series.map((s) => s.modality)).toEqual(['MR']);
    expect(await web.searchInstances({ study, series: series[0]!.series })).toHaveLength(files.length);

    const scan = await scanDicom(web.retrieveSeries({ study, series: series[0]!.series }));
    const stack = scan.stacks[0]!;
    const image = await readStack(stack);
    expect(image.volume.grid.shape).toEqual([38, 52, 36]);

    const voxels = Uint8Array.from(image.volume.voxels, (v) => (v > 60 ? 1 : 0) + (v > 90 ? 1 : 0));
    const labels = { grid: image.volume.grid, kind: 'labels' as const, channels: ['labels'], voxels };
    const segments = [
      { label: 1, name: 'bright' },
      { label: 2, name: 'brighter' },
    ];
    const seg = await writeSegmentation(labels, stack, { segments });
    const map = await writeSegmentation(labels, stack, { segments, form: 'labelmap' });
    const rtstruct = await writeStructures(labels, stack, { segments });
    expect((await web.store([seg, map, rtstruct], { study })).stored).toHaveLength(3);

    const found = await web.searchSeries(study);
    expect(found.map((s) => s.modality).sort()).toEqual(['MR', 'RTSTRUCT', 'SEG', 'SEG']);
    const target = targetOf(stack);
    for (const { series: uid, modality } of found.filter((s) => s.modality !== 'MR')) {
      const [instance] = await web.searchInstances({ study, series: uid });
      const back = await web.retrieveInstance({
        study,
        series: uid,
        instance: instance!['00080018']!.Value![0] as string,
      });
      const file = await readDicomFile(back);
      expect(file.dataset.string(TAG.Modality)).toBe(modality);
      const again =
        modality === 'SEG' ? await readSegmentation(file, { target }) : await readStructures(file, { target });
      expect(again.volume.voxels).toEqual(voxels);
    }
  });

  it('says what the server refused', async () => {
    const { root, user, password } = server;
    const known = root.replace('://', `://${user}:${password}@`);
    const web = dicomWeb({ url: `${known}/dicom-web` });
    await expect(dicomWeb({ url: `${root}/dicom-web` }).searchStudies()).rejects.toMatchObject({
      code: 'server',
      status: 401,
    });
    await expect(web.store([new Uint8Array(100)])).rejects.toThrow(ServerError);
    await expect(web.searchSeries('../../system')).rejects.toMatchObject({ code: 'format' });
    await expect(dicomWeb({ url: `${known}/nowhere` }).searchStudies()).rejects.toMatchObject({
      code: 'server',
      status: 404,
    });
    await expect(dicomWeb({ url: 'http://127.0.0.1:9' }).searchStudies()).rejects.toMatchObject({ code: 'server' });
    const missing = web.retrieveSeries({ study: '1.2.3', series: '1.2.3.4' });
    await expect(missing.next()).rejects.toMatchObject({ code: 'server', status: 404 });
  });
});
