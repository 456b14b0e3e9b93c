/** The DICOMweb client against servers as they are met: answers in pieces, without their end, in other types, or cut. */
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServerError } from '../../errors.ts';
import { readStack } from '../series/read-volume.ts';
import { scanDicom } from '../series/scan.ts';
import { syntheticSeries } from '../testing/synthetic-series.ts';
import { dicomWeb } from './dicom-web.ts';
import type { DicomWeb } from './dicom-web.ts';

const files = syntheticSeries({ rows: 4, columns: 3, slices: 3 }).map(
  (source) => source.read(0, source.size) as Uint8Array,
);
const series = { study: '1.2.3.1', series: '1.2.3.2' };

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

let server: Server;
let root = '';
let answer: Answer = (_, response) => response.end();
beforeAll(
  () =>
    new Promise<void>((resolve) => {
      server = createServer((request, response) => {
        request.resume();
        request.on('end', () => answer(request, response));
      }).listen(0, '127.0.0.1', () => {
        root = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
        resolve();
      });
    }),
);
afterAll(() => void server.close());

const client = (next: Answer, url = `${root}/dicom-web`): DicomWeb => {
  answer = next;
  return dicomWeb({ url });
};

interface Multipart {
  readonly boundary?: string;
  /** As it stands in the Content-Type. */
  readonly named?: string;
  readonly header?: (file: Uint8Array) => string;
  readonly before?: string;
  readonly end?: string;
  readonly afterDelimiter?: string;
}

function body({
  boundary = 'b1',
  header = () => 'Content-Type: application/dicom\r\n',
  before = '',
  end = `\r\n--${boundary}--\r\n`,
  afterDelimiter = '',
}: Multipart): Buffer {
  const parts = files.flatMap((file, i) => [
    Buffer.from(`${i === 0 ? before : '\r\n'}--${boundary}${afterDelimiter}\r\n${header(file)}\r\n`),
    Buffer.from(file),
  ]);
  return Buffer.concat([...parts, Buffer.from(end)]);
}

/** Sends a body some bytes at a time. */
const multipart = (how: Multipart, step = 1 << 20): Answer => {
  const type = `multipart/related; type="application/dicom"; boundary=${how.named ?? how.boundary ?? 'b1'}`;
  return (_, response) => {
    response.writeHead(200, { 'content-type': type });
    const bytes = body(how);
    const send = (at: number): void => {
      if (at >= bytes.length) return void response.end();
      response.write(bytes.subarray(at, at + step), () => setImmediate(send, at + step));
    };
    send(0);
  };
};

describe('a series arrives', () => {
  it.each<readonly [string, Multipart, number?]>([
    ['in one piece', {}],
    ['a few bytes at a time', {}, 7],
    ['with a boundary in quotation marks', { boundary: "a b'()+_,-./:=?", named: `"a b'()+_,-./:=?"; charset=x` }],
    ['behind a preamble, with an epilogue', { before: 'This is a message\r\n', end: '\r\n--b1--\r\nthe end' }],
    ['with spaces behind its boundaries', { afterDelimiter: ' \t' }],
    ['with parts that have no headers', { header: () => '' }],
    ['without its last boundary', { header: (file) => `content-length: ${file.length}\r\n`, end: '' }],
    ['with a boundary that its files hold the beginning of', { boundary: 'D', end: '\r\n--D--' }],
  ])('%s', async (_, how, step) => {
    const scan = await scanDicom(client(multipart(how, step)).retrieveSeries(series));
    expect((await readStack(scan.stacks[0]!)).volume.grid.shape).toEqual([3, 4, 3]);
    expect([scan.damaged, scan.foreign]).toEqual([[], []]);
  });

  it('as one file that is no multipart', async () => {
    const web = client((_, response) => {
      response.writeHead(200, { 'content-type': 'application/dicom; transfer-syntax=*' });
      response.end(files[0]);
    });
    expect((await web.retrieveInstance({ ...series, instance: '1.2' })).size).toBe(files[0]!.length);
  });

  it.each<readonly [string, Answer, RegExp]>([
    ['cut off', multipart({ end: '' }), /before its last part is complete/],
    [
      'broken off',
      (_, response) => {
        response.writeHead(200, { 'content-type': 'multipart/related; boundary=b1', 'content-length': '100000' });
        response.write(body({}).subarray(0, 500), () => response.destroy());
      },
      /broke off/,
    ],
    [
      'as JSON',
      (_, response) => {
        response.writeHead(200, { 'content-type': 'application/dicom+json' });
        response.end('[]');
      },
      /answered application\/dicom\+json, expected multipart/,
    ],
  ])('not at all: %s', async (_, how, message) => {
    const error: unknown = await scanDicom(client(how).retrieveSeries(series)).catch((e: unknown) => e);
    expect(error).toMatchObject({ message: expect.stringMatching(message) as string });
    expect(['server', 'format']).toContain((error as ServerError).code);
  });
});

describe('queries and stores', () => {
  it('give name and password of the address as a header, and keep them out of messages', async () => {
    let seen: string | undefined;
    const url = root.replace('http://', 'http://Jane%20D:s%C3%A9cret@');
    const web = client((request, response) => {
      seen = request.headers.authorization;
      response.writeHead(401).end('who are you?');
    }, url);
    const error = (await web.searchStudies().catch((e: unknown) => e)) as Error;
    expect(Buffer.from(seen!.replace('Basic ', ''), 'base64').toString()).toBe('Jane D:sécret');
    expect(error.message).toContain('Give credentials');
    expect(error.message).not.toMatch(/s.{1,6}cret/);
  });

  it('take entries whose values are elsewhere or absent', async () => {
    const web = client((_, response) => {
      response.writeHead(200, { 'content-type': 'application/dicom+json' });
      const entry = {
        '0020000D': { vr: 'UI', Value: ['1.2.3'] },
        '00100010': { vr: 'PN', Value: [{ Ideographic: '山田^太郎' }] },
        '00081030': { vr: 'LO', BulkDataURI: 'http://elsewhere/1' },
        '00080061': { vr: 'CS', Value: ['MR', null, 'SEG'] },
      };
      response.end(JSON.stringify([entry]));
    });
    const [study] = await web.searchStudies();
    expect(study).toMatchObject({ study: '1.2.3', description: undefined, modalities: ['MR', 'SEG'] });
  });

  it.each<readonly [string, number, string, readonly string[]]>([
    ['all, without a list', 200, '', ['1.2.3.4.1']],
    ['all, in XML', 200, '<NativeDicomModel/>', ['1.2.3.4.1']],
    ['some, in a list of one', 202, '[{"00081199":{"Value":[{"00081155":{"Value":["9"]}}]}}]', ['9']],
  ])('taken: %s', async (_, status, text, stored) => {
    const web = client((__, response) => void response.writeHead(status).end(text));
    const first = files.find((file) => new TextDecoder('latin1').decode(file).includes('1.2.3.4.1\0'))!;
    expect((await web.store([first])).stored).toEqual(stored);
  });

  it.each<readonly [number, string]>([
    [200, '{"unfinished'],
    [409, '{"00081198":{"Value":[{"00081155":{"Value":["9"]},"00081197":{"Value":[49442]}}]}}'],
    [500, 'out of order'],
    [202, ''],
  ])('not taken: %i %s', async (status, text) => {
    const web = client((_, response) => void response.writeHead(status).end(text));
    await expect(web.store(files.slice(0, 1))).rejects.toThrow(ServerError);
  });
});
