/** The text header of NRRD: fields, their meaning, where the data lie. Source: Teem's definition of the NRRD file format. */
import { FormatError } from '../../errors.ts';
import type { StoredType } from '../../voxels/stored-type.ts';
import { nrrdAxes } from './nrrd-axes.ts';

export interface NrrdHeader {
  readonly type: StoredType;
  readonly sizes: readonly number[];
  readonly encoding: 'raw' | 'gzip' | 'bzip2' | 'hex' | 'ascii';
  readonly littleEndian: boolean;
  /** Per axis, fastest first: its step in space in millimetres, or undefined for axes that are not in space. */
  readonly directions: readonly (readonly number[] | undefined)[];
  readonly origin: readonly number[];
  /** Signs that turn the header's space into left-posterior-superior. */
  readonly toLps: readonly number[];
  readonly dataFile: string | undefined;
  /** The lines behind `data file: LIST`. */
  readonly listed: readonly string[];
  readonly lineSkip: number;
  readonly byteSkip: number;
  /** False where the space is the scanner's or nobody's. */
  readonly inPatient: boolean;
  /** `key:=value` pairs. */
  readonly pairs: ReadonlyMap<string, string>;
  /** Where attached data begin. */
  readonly dataOffset: number;
}

const TYPES: Readonly<Record<string, StoredType>> = {
  'signed char': 'int8',
  int8: 'int8',
  int8_t: 'int8',
  uchar: 'uint8',
  'unsigned char': 'uint8',
  uint8: 'uint8',
  uint8_t: 'uint8',
  short: 'int16',
  'short int': 'int16',
  'signed short': 'int16',
  'signed short int': 'int16',
  int16: 'int16',
  int16_t: 'int16',
  ushort: 'uint16',
  'unsigned short': 'uint16',
  'unsigned short int': 'uint16',
  uint16: 'uint16',
  uint16_t: 'uint16',
  int: 'int32',
  'signed int': 'int32',
  int32: 'int32',
  int32_t: 'int32',
  uint: 'uint32',
  'unsigned int': 'uint32',
  uint32: 'uint32',
  uint32_t: 'uint32',
  longlong: 'int64',
  'long long': 'int64',
  'long long int': 'int64',
  'signed long long': 'int64',
  'signed long long int': 'int64',
  int64: 'int64',
  int64_t: 'int64',
  ulonglong: 'uint64',
  'unsigned long long': 'uint64',
  'unsigned long long int': 'uint64',
  uint64: 'uint64',
  uint64_t: 'uint64',
  float: 'float32',
  double: 'float64',
};
const SPACES: Readonly<Record<string, readonly number[]>> = {
  'left-posterior-superior': [1, 1, 1],
  lps: [1, 1, 1],
  'right-anterior-superior': [-1, -1, 1],
  ras: [-1, -1, 1],
  'left-anterior-superior': [1, -1, 1],
  las: [1, -1, 1],
};
/** Spaces without a patient: their axes are taken as left, posterior, superior, as ITK does. */
const OTHER_SPACES = ['scanner-xyz', '3d-right-handed', '3d-left-handed'];
const ENCODINGS: Readonly<Record<string, NrrdHeader['encoding']>> = {
  raw: 'raw',
  gz: 'gzip',
  gzip: 'gzip',
  bz2: 'bzip2',
  bzip2: 'bzip2',
  hex: 'hex',
  txt: 'ascii',
  text: 'ascii',
  ascii: 'ascii',
};
/** Headers are a few kilobytes. */
export const MOST_NRRD_HEADER_BYTES = 1 << 20;
const MOST_AXES = 16;

export function isNrrd(head: Uint8Array): boolean {
  return new TextDecoder('latin1').decode(head.subarray(0, 4)) === 'NRRD';
}

/** `head`: the file's first bytes, up to `MOST_NRRD_HEADER_BYTES`. Throws: FormatError naming the field. */
export function parseNrrdHeader(head: Uint8Array, file: string | undefined): NrrdHeader {
  const fail = (field: string, message: string, byteOffset = 0): never => {
    throw new FormatError(`${file ?? 'nrrd'}: ${message}`, {
      ...(file === undefined ? {} : { file }),
      field,
      byteOffset,
    });
  };
  const fields = new Map<string, string>();
  const pairs = new Map<string, string>();
  const listed: string[] = [];
  let dataOffset = head.length;
  for (let at = 0; at < head.length;) {
    let end = head.indexOf(10, at);
    if (end < 0 && head.length === MOST_NRRD_HEADER_BYTES)
      fail('header', `goes on for ${head.length} bytes and more; an empty line was expected behind it.`, head.length);
    if (end < 0) end = head.length;
    const line = new TextDecoder().decode(head.subarray(at, end)).replace(/\r$/, '');
    const isFirst = at === 0;
    at = end + 1;
    if (isFirst) {
      if (!/^NRRD000[1-5]$/.test(line))
        fail('magic', `begins with "${line.slice(0, 20)}"; NRRD0001 to NRRD0005 are read.`);
      continue;
    }
    if (line === '') {
      dataOffset = Math.min(at, head.length);
      break;
    }
    if (/^LIST\b/.test(fields.get('data file') ?? fields.get('datafile') ?? '')) {
      listed.push(line);
      continue;
    }
    if (line.startsWith('#')) continue;
    const pair = /^([^:=]+):=(.*)$/.exec(line);
    const field = /^([^:]+): ?(.*)$/.exec(line);
    if (pair) pairs.set(pair[1]!.trim(), pair[2]!);
    else if (field) fields.set(field[1]!.trim().toLowerCase(), field[2]!.trim());
    else fail('header', `the line "${line.slice(0, 40)}" is neither a field nor a key.`, at);
  }
  const required = (name: string): string => fields.get(name) ?? fail(name, `has no field "${name}".`);
  const type = TYPES[required('type').toLowerCase()] ?? fail('type', `the type "${fields.get('type')}" is not read.`);
  const dimension = Number(required('dimension'));
  if (!Number.isInteger(dimension) || dimension < 1 || dimension > MOST_AXES)
    fail('dimension', `dimension is "${fields.get('dimension')}"; 1 to ${MOST_AXES} was expected.`);
  const sizes = required('sizes').split(/\s+/).map(Number);
  if (sizes.length !== dimension || !sizes.every((n) => Number.isSafeInteger(n) && n >= 1))
    fail('sizes', `sizes is "${fields.get('sizes')}"; ${dimension} positive whole numbers were expected.`);
  const encodingName = (fields.get('encoding') ?? 'raw').toLowerCase();
  const encoding =
    ENCODINGS[encodingName] ??
    fail('encoding', `the encoding "${encodingName}" is not read; raw, gzip, bzip2, hex and ascii are.`);
  const endian = fields.get('endian')?.toLowerCase();
  if (endian === undefined && encoding !== 'ascii' && !/int8|uint8/.test(type))
    fail('endian', 'has no field "endian", which numbers of several bytes need.');
  const lineSkip = Number(fields.get('line skip') ?? fields.get('lineskip') ?? 0);
  if (!Number.isInteger(lineSkip) || lineSkip < 0)
    fail(
      'line skip',
      `line skip is "${fields.get('line skip') ?? fields.get('lineskip')}"; a whole number was expected.`,
    );
  const byteSkip = Number(fields.get('byte skip') ?? fields.get('byteskip') ?? 0);
  if (!Number.isInteger(byteSkip) || byteSkip < -1)
    fail(
      'byte skip',
      `byte skip is "${fields.get('byte skip') ?? fields.get('byteskip')}"; a whole number from -1 on was expected.`,
    );
  // with time as a fourth dimension of space, axes along it are not in space
  const named = fields.get('space')?.toLowerCase();
  const withTime = /-time$|^(lps|ras|las)t$/.test(named ?? '');
  const space = (named ?? 'lps').replace(/-time$/, '').replace(/^(lps|ras|las)t$/, '$1');
  const inPatient = named !== undefined && space in SPACES;
  const { directions, origin } = nrrdAxes(fields, { sizes, withTime, fail });
  return {
    type,
    sizes,
    encoding,
    listed,
    lineSkip,
    byteSkip,
    pairs,
    inPatient: inPatient || named === undefined,
    dataOffset,
    littleEndian: endian !== 'big',
    directions,
    origin,
    toLps:
      SPACES[space] ??
      (OTHER_SPACES.includes(space) ? SPACES['lps'] : undefined) ??
      fail(
        'space',
        `the space "${fields.get('space')}" has no place in the patient; left-posterior-superior and its relatives are read.`,
      ),
    dataFile: fields.get('data file') ?? fields.get('datafile'),
  };
}
