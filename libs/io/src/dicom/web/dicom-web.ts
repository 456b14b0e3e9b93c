/** A DICOMweb client (PS3.18): query (QIDO-RS), fetch (WADO-RS), store (STOW-RS), on `fetch` alone. */
import { FormatError, ServerError } from '../../errors.ts';
import { memorySource } from '../dataset/dicom-source.ts';
import type { DicomSource } from '../dataset/dicom-source.ts';
import { parseDicom } from '../dataset/parse.ts';
import { TAG } from '../dataset/tags.ts';
import { jsonDataSets, jsonItems, jsonNumber, jsonText, jsonTexts, requiredText } from './dicom-json.ts';
import type { JsonDataSet } from './dicom-json.ts';
import { boundaryOf, readParts, writeParts } from './multipart.ts';

export interface DicomWebOptions {
  /** The service's root, such as `https://host/dicom-web`. */
  readonly url: string;
  /** Added to every request: authorization, for one. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Instead of the global `fetch`. */
  readonly fetch?: typeof fetch;
  readonly signal?: AbortSignal;
}

export interface StudyEntry {
  readonly study: string;
  readonly patientId: string | undefined;
  readonly patientName: string | undefined;
  readonly date: string | undefined;
  readonly description: string | undefined;
  readonly modalities: readonly string[];
  readonly json: JsonDataSet;
}

export interface SeriesEntry {
  readonly study: string;
  readonly series: string;
  readonly modality: string | undefined;
  readonly number: number | undefined;
  readonly description: string | undefined;
  readonly instances: number | undefined;
  readonly json: JsonDataSet;
}

export interface SeriesAddress {
  readonly study: string;
  readonly series: string;
}

export interface StoreResult {
  /** SOPInstanceUIDs the server took. */
  readonly stored: readonly string[];
  /** Those it refused, with the reason as a number of PS3.18 annex I. */
  readonly failed: readonly { readonly instance: string; readonly reason: number | undefined }[];
}

/** Query keys as DICOM keywords or tags, `*` and `?` in values as wildcards; `limit` and `offset` page. */
export type Query = Readonly<Record<string, string | number>>;

export interface DicomWeb {
  searchStudies(query?: Query): Promise<readonly StudyEntry[]>;
  searchSeries(study: string, query?: Query): Promise<readonly SeriesEntry[]>;
  /** Instances of a series as DICOM JSON. */
  searchInstances(of: SeriesAddress, query?: Query): Promise<readonly JsonDataSet[]>;
  /** The files of a series, each as it arrives. */
  retrieveSeries(of: SeriesAddress): AsyncGenerator<DicomSource>;
  /** One file. */
  retrieveInstance(of: SeriesAddress & { readonly instance: string }): Promise<DicomSource>;
  /** Sends files, all in one request. Throws: ServerError when the server takes none. */
  store(files: readonly Uint8Array[], options?: { readonly study?: string }): Promise<StoreResult>;
}

/** What a server answers may say of UIDs, but paths are built from them: nothing but digits and dots passes. */
function uid(value: string, what: string): string {
  if (/^[0-9.]{1,64}$/.test(value)) return value;
  throw new FormatError(`DICOMweb: ${what} "${value.slice(0, 80)}" is not a UID (digits and dots, at most 64).`, {
    field: what,
  });
}

function base64(text: string): string {
  return btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(''));
}

/** An answer that broke off. Being told to stop is no fault of the server. */
function broken(error: unknown, url: string): unknown {
  if (error instanceof ServerError || error instanceof FormatError) return error;
  if (error instanceof Error && error.name === 'AbortError') return error;
  return new ServerError(
    `DICOMweb: the answer of ${url} broke off: ${error instanceof Error ? error.message : String(error)}. Try again.`,
    { url },
    { cause: error },
  );
}

async function textOf(response: Response, url: string): Promise<string> {
  try {
    return await response.text();
  } catch (error) {
    throw broken(error, url);
  }
}

/** The JSON of an answer. Throws: ServerError when it is none. */
function jsonOf(text: string, { status }: Response, url: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ServerError(
      `DICOMweb: ${url} answered no JSON: ${text.slice(0, 80)}.`,
      { url, status },
      { cause: error },
    );
  }
}

class Connection {
  private readonly root: string;
  private readonly options: DicomWebOptions;
  /** Of a name and password in the address, which `fetch` does not take there. */
  private readonly credentials: Readonly<Record<string, string>> = {};
  constructor(options: DicomWebOptions) {
    const parts = /^(https?:\/\/)([^/@]*)@(.*)$/i.exec(options.url);
    const address = parts === null ? options.url : parts[1]! + parts[3]!;
    if (parts !== null) this.credentials = { authorization: `Basic ${base64(decodeURIComponent(parts[2]!))}` };
    this.root = address.replace(/\/+$/, '');
    this.options = options;
  }

  async request(
    path: string,
    init: { method?: string; headers: Readonly<Record<string, string>>; body?: Uint8Array },
  ): Promise<{ response: Response; url: string }> {
    const url = `${this.root}/${path}`;
    const { fetch: send = globalThis.fetch, signal } = this.options;
    let response: Response;
    try {
      response = await send(url, {
        method: init.method ?? 'GET',
        headers: { ...this.credentials, ...this.options.headers, ...init.headers },
        ...(init.body === undefined ? {} : { body: init.body as Uint8Array<ArrayBuffer> }),
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (error) {
      if (error instanceof Error && error.name === 'AbortError') throw error;
      throw new ServerError(
        `DICOMweb: no answer from ${url}: ${error instanceof Error ? error.message : String(error)}. Is the server running, and the address right?`,
        { url },
        { cause: error },
      );
    }
    return { response, url };
  }

  async refuse(response: Response, url: string): Promise<never> {
    const said = (await response.text().catch(() => '')).slice(0, 300);
    const hint = response.status === 401 || response.status === 403 ? ' Give credentials in `headers`.' : '';
    throw new ServerError(
      `DICOMweb: ${url} answered ${response.status} ${response.statusText}${said === '' ? '' : `: ${said}`}.${hint}`,
      { url, status: response.status, details: { body: said } },
    );
  }

  async search(path: string, query: Query = {}): Promise<{ found: readonly JsonDataSet[]; url: string }> {
    const parameters = new URLSearchParams(Object.entries(query).map(([k, v]): [string, string] => [k, String(v)]));
    const suffix = parameters.size > 0 ? `?${parameters}` : '';
    const { response, url } = await this.request(path + suffix, { headers: { accept: 'application/dicom+json' } });
    if (response.status === 204) return { found: [], url };
    if (!response.ok) return this.refuse(response, url);
    const text = await textOf(response, url);
    if (text.trim() === '') return { found: [], url };
    return { found: jsonDataSets(jsonOf(text, response, url), url), url };
  }

  async *retrieve(path: string): AsyncGenerator<DicomSource> {
    const { response, url } = await this.request(path, {
      headers: { accept: 'multipart/related; type="application/dicom"; transfer-syntax=*' },
    });
    if (!response.ok || response.body === null) return this.refuse(response, url);
    const type = response.headers.get('content-type') ?? '';
    // Asked for one instance, some servers send it as it is.
    if (/^application\/dicom\s*(;|$)/i.test(type)) {
      const bytes = await response.arrayBuffer().catch((error: unknown) => Promise.reject(broken(error, url) as Error));
      return yield memorySource(`${url}#1`, new Uint8Array(bytes));
    }
    const boundary = boundaryOf(type);
    if (boundary === undefined)
      throw new ServerError(
        `DICOMweb: ${url} answered ${type === '' ? 'no type' : type}, expected multipart/related with a boundary.`,
        { url, status: response.status },
      );
    let count = 0;
    const parts = readParts(chunksOf(response.body, url), boundary, url);
    for await (const part of parts) yield memorySource(`${url}#${++count}`, part.body);
  }
}

/** A stream's chunks; browsers do not all iterate streams themselves. */
async function* chunksOf(stream: ReadableStream<Uint8Array>, url: string): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  const next = (): ReturnType<typeof reader.read> =>
    reader.read().catch((error: unknown) => Promise.reject(broken(error, url) as Error));
  try {
    for (;;) {
      const { done, value } = await next();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function storeResult(answer: JsonDataSet): StoreResult {
  const of = (item: JsonDataSet): string => jsonText(item, TAG.ReferencedSOPInstanceUID) ?? '';
  return {
    stored: jsonItems(answer, TAG.ReferencedSOPSequence).map(of),
    failed: jsonItems(answer, TAG.FailedSOPSequence).map((item) => ({
      instance: of(item),
      reason: jsonNumber(item, TAG.FailureReason),
    })),
  };
}

const instanceOf = (file: Uint8Array): string => parseDicom(file).dataset.string(TAG.SOPInstanceUID) ?? '';

async function store(
  connection: Connection,
  files: readonly Uint8Array[],
  study: string | undefined,
): Promise<StoreResult> {
  if (files.length === 0) return { stored: [], failed: [] };
  // A boundary must not occur in what it bounds; this one is too long to.
  const boundary = 'voxelwise-7f1c9a54e0d84b61b6a2c35d90ee8b17';
  const path = study === undefined ? 'studies' : `studies/${uid(study, 'study')}`;
  const { response, url } = await connection.request(path, {
    method: 'POST',
    headers: {
      accept: 'application/dicom+json',
      'content-type': `multipart/related; type="application/dicom"; boundary=${boundary}`,
    },
    body: writeParts(files, boundary),
  });
  // 202 and 409 carry the list of what was refused; everything else than those and 200 carries none.
  if (!response.ok && response.status !== 409) return connection.refuse(response, url);
  const text = await textOf(response, url);
  const isJson = /^\s*[[{]/.test(text);
  const answer = isJson ? jsonOf(text, response, url) : {};
  const listed = storeResult((Array.isArray(answer) ? (answer[0] ?? {}) : answer) as JsonDataSet);
  // 200 says that all were taken, whether or not the server lists them (PS3.18 10.5.3).
  const isUnlisted = response.status === 200 && listed.stored.length === 0 && listed.failed.length === 0;
  const result = isUnlisted ? { stored: files.map(instanceOf), failed: [] } : listed;
  if (result.stored.length === 0)
    throw new ServerError(
      `DICOMweb: ${url} took none of ${files.length} files (${response.status}); reasons: ${result.failed.map((f) => f.reason ?? '?').join(', ') || text.slice(0, 200) || 'none given'}.`,
      { url, status: response.status, details: { ...result } },
    );
  return result;
}

/** A client for one server. Requests throw ServerError when the server refuses or cannot be reached, FormatError when its answer is damaged. */
export function dicomWeb(options: DicomWebOptions): DicomWeb {
  const connection = new Connection(options);
  const at = ({ study, series }: SeriesAddress): string =>
    `studies/${uid(study, 'study')}/series/${uid(series, 'series')}`;
  return {
    async searchStudies(query) {
      const { found, url } = await connection.search('studies', query);
      return found.map((json) => ({
        study: requiredText(json, TAG.StudyInstanceUID, url),
        patientId: jsonText(json, TAG.PatientID),
        patientName: jsonText(json, TAG.PatientName),
        date: jsonText(json, TAG.StudyDate),
        description: jsonText(json, TAG.StudyDescription),
        modalities: jsonTexts(json, 0x00080061),
        json,
      }));
    },
    async searchSeries(study, query) {
      const { found, url } = await connection.search(`studies/${uid(study, 'study')}/series`, query);
      return found.map((json) => ({
        study,
        series: requiredText(json, TAG.SeriesInstanceUID, url),
        modality: jsonText(json, TAG.Modality),
        number: jsonNumber(json, TAG.SeriesNumber),
        description: jsonText(json, TAG.SeriesDescription),
        instances: jsonNumber(json, 0x00201209),
        json,
      }));
    },
    searchInstances: async (of, query) => (await connection.search(`${at(of)}/instances`, query)).found,
    retrieveSeries: (of) => connection.retrieve(at(of)),
    async retrieveInstance({ instance, ...of }) {
      const path = `${at(of)}/instances/${uid(instance, 'instance')}`;
      for await (const source of connection.retrieve(path)) return source;
      throw new ServerError(`DICOMweb: the answer for ${path} holds no file.`, { url: path });
    },
    store: (files, { study } = {}) => store(connection, files, study),
  };
}
