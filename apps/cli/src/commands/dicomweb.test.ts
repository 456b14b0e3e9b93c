/** From a hospital's archive and back: a series is fetched over DICOMweb, predicted from the command line, and its segmentation stored. */
import { dicomWeb } from '@voxelwise/io/dicom';
import { readVolume } from '@voxelwise/io/node';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasOrthanc, orthancNote, startOrthanc } from '../../../../libs/io/src/testing/orthanc.ts';
import type { Orthanc } from '../../../../libs/io/src/testing/orthanc.ts';
import { fixture, runLine, temporaryFolder } from '../testing/command-line.ts';
import { writeRandomModel } from '../testing/random-model.ts';

describe.skipIf(!hasOrthanc)(`an archive's series${orthancNote}`, () => {
  const work = temporaryFolder();
  let server: Orthanc;
  beforeAll(async () => {
    server = await startOrthanc();
  }, 40_000);
  afterAll(() => {
    server?.stop();
    work.remove();
  });

  it('is predicted, and what was found stands beside it', async () => {
    const headers = { authorization: `Basic ${Buffer.from(`${server.user}:${server.password}`).toString('base64')}` };
    const web = dicomWeb({ url: `${server.root}/dicom-web`, headers });
    const source = fixture('io', 'dicom/hippo_case/image');
    await web.store(readdirSync(source).map((name) => new Uint8Array(readFileSync(join(source, name)))));

    const [{ study }] = (await web.searchStudies({ PatientID: 'HIP*' })) as [{ study: string }];
    const [{ series }] = (await web.searchSeries(study)) as [{ series: string }];
    mkdirSync(work.at('series'));
    let slices = 0;
    for await (const file of web.retrieveSeries({ study, series }))
      writeFileSync(work.at('series', `${++slices}.dcm`), await file.read(0, file.size));

    const classes = ['front', 'rear'];
    await writeRandomModel(work.at('model'), { classes, spacing: [1, 1, 1], patch: [16, 16, 16], width: 4 });
    await runLine(['convert', work.at('series'), '--out', work.at('images', 'case_0000.nii.gz')]);
    await runLine([
      'predict',
      '--model',
      work.at('model'),
      '--input',
      work.at('images'),
      '--output',
      work.at('labels'),
    ]);
    const labels = work.at('labels', 'case.nii.gz');
    const toSegmentation = ['--to', 'dicom-seg', '--reference', work.at('series'), '--rois', classes.join(',')];
    await runLine(['convert', labels, ...toSegmentation, '--out', work.at('found.dcm')]);
    const segmentation = new Uint8Array(readFileSync(work.at('found.dcm')));
    expect((await web.store([segmentation], { study })).stored).toHaveLength(1);

    const found = (await web.searchSeries(study)).find((s) => s.modality === 'SEG')!;
    const [instance] = await web.searchInstances({ study, series: found.series });
    const uid = instance!['00080018']!.Value![0] as string;
    const back = await web.retrieveInstance({ study, series: found.series, instance: uid });
    writeFileSync(work.at('back.dcm'), await back.read(0, back.size));
    await runLine(['convert', work.at('back.dcm'), '--reference', work.at('series'), '--out', work.at('back.nii.gz')]);
    const [predicted, kept] = [await readVolume(labels), await readVolume(work.at('back.nii.gz'))];
    expect(new Set(predicted.voxels).size).toBeGreaterThan(1);
    expect([...kept.voxels]).toEqual([...predicted.voxels]);
    expect(kept.grid.shape).toEqual([slices, ...predicted.grid.shape.slice(1)]);
  });
});
