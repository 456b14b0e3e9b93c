/** Models fetched from a server on this machine: whole, missing, cut off, and hostile. */
import { encodeZip } from '@voxelwise/io';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { exitCodeOf } from '../exit.ts';
import { runLine, temporaryFolder, type Document } from '../testing/command-line.ts';

const work = temporaryFolder();
const model = 'Dataset099_Mini/nnUNetTrainer__nnUNetPlans__2d';
let zip: Uint8Array;
let hostile: Uint8Array;
const server = createServer((request, response) => {
  const bytes = request.url === '/hostile.zip' ? hostile : zip;
  if (request.url === '/moved.zip') response.writeHead(302, { location: '/model.zip' }).end();
  else if (request.url === '/missing.zip') response.writeHead(404).end();
  else if (request.url === '/cut.zip') {
    response.writeHead(200, { 'content-length': bytes.length });
    response.write(bytes.subarray(0, 20), () => response.destroy());
  } else response.writeHead(200, { 'content-length': bytes.length }).end(bytes);
});
const url = (path: string): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/${path}`;
const get = (address: string): Promise<Document> =>
  runLine(['nnUNetv2_download_pretrained_model_by_url', address], { nnUNet_results: work.at('results') });
const refused = async (address: string): Promise<[number, string]> => {
  const error: unknown = await get(address).catch((one: unknown) => one);
  return [exitCodeOf(error as Error), (error as Error).message];
};

beforeAll(async () => {
  const bytes = new TextEncoder().encode('{}');
  zip = await encodeZip([{ name: `${model}/plans.json`, bytes }]);
  hostile = await encodeZip([
    { name: `${model}/plans.json`, bytes },
    { name: '../../evil.txt', bytes },
  ]);
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
});
afterAll(() => {
  server.close();
  work.remove();
});

it('refuses what is missing, cut off, hostile or no address, and leaves nothing behind', async () => {
  expect(await refused(url('missing.zip'))).toEqual([3, expect.stringContaining('answers 404')]);
  expect(await refused(url('cut.zip'))).toEqual([3, expect.stringMatching(/ended after \d+ of \d+ bytes/)]);
  expect(await refused(url('hostile.zip'))).toEqual([3, expect.stringContaining('"../../evil.txt"')]);
  expect(await refused('http://127.0.0.1:1/model.zip')).toEqual([3, expect.stringContaining('cannot be reached')]);
  expect((await refused('ftp://127.0.0.1/model.zip'))[0]).toBe(2);
  expect(existsSync(work.at('results'))).toBe(false);
  expect(readdirSync(work.at('.'))).toEqual([]);
});

it('follows the server to the zip and unpacks it', async () => {
  const done = await get(url('moved.zip'));
  expect(done.models).toEqual([work.at('results', model)]);
  expect(readFileSync(work.at('results', model, 'plans.json'), 'utf8')).toBe('{}');
});
