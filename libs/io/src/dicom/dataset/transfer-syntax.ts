/** Transfer syntaxes: byte order, VR encoding, and which compression the pixels went through (PS3.5 annex A, PS3.6 annex A). */

/** How pixel data are compressed. 'native' means not at all. */
export type Compression = 'native' | 'rle' | 'jpeg' | 'jpeg-ls' | 'jpeg2000' | 'htj2k' | 'deflated-frames';

export interface TransferSyntax {
  readonly uid: string;
  readonly explicit: boolean;
  readonly littleEndian: boolean;
  /** The whole data set is one raw deflate stream. */
  readonly deflated: boolean;
  readonly compression: Compression;
}

const compressed: Readonly<Record<string, Compression>> = {
  '1.2.840.10008.1.2.5': 'rle',
  '1.2.840.10008.1.2.4.80': 'jpeg-ls',
  '1.2.840.10008.1.2.4.81': 'jpeg-ls',
  '1.2.840.10008.1.2.4.90': 'jpeg2000',
  '1.2.840.10008.1.2.4.91': 'jpeg2000',
  '1.2.840.10008.1.2.4.92': 'jpeg2000',
  '1.2.840.10008.1.2.4.93': 'jpeg2000',
  '1.2.840.10008.1.2.4.201': 'htj2k',
  '1.2.840.10008.1.2.4.202': 'htj2k',
  '1.2.840.10008.1.2.4.203': 'htj2k',
  '1.2.840.10008.1.2.8.1': 'deflated-frames',
};

export const IMPLICIT_LITTLE = '1.2.840.10008.1.2';
export const EXPLICIT_LITTLE = '1.2.840.10008.1.2.1';
export const EXPLICIT_BIG = '1.2.840.10008.1.2.2';
export const DEFLATED = '1.2.840.10008.1.2.1.99';
const GE_PRIVATE = '1.2.840.113619.5.2';

/** The transfer syntax of a UID; undefined when this library does not read it (video, private, JPIP). */
export function transferSyntax(uid: string): TransferSyntax | undefined {
  const native = { uid, deflated: false, compression: 'native' } as const;
  if (uid === IMPLICIT_LITTLE) return { ...native, explicit: false, littleEndian: true };
  if (uid === EXPLICIT_LITTLE) return { ...native, explicit: true, littleEndian: true };
  if (uid === EXPLICIT_BIG) return { ...native, explicit: true, littleEndian: false };
  if (uid === DEFLATED) return { ...native, explicit: true, littleEndian: true, deflated: true };
  // GE writes implicit VR little endian whose pixels alone are big endian; the pixel reader swaps by this UID.
  if (uid === GE_PRIVATE) return { ...native, explicit: false, littleEndian: true };
  const jpeg = /^1\.2\.840\.10008\.1\.2\.4\.(5\d|6[0-6]|70)$/.test(uid) ? 'jpeg' : undefined;
  const compression = jpeg ?? compressed[uid];
  return compression === undefined
    ? undefined
    : { uid, explicit: true, littleEndian: true, deflated: false, compression };
}

/** Whether native pixels are stored most significant byte first. */
export function bigEndianPixels(syntax: TransferSyntax): boolean {
  return !syntax.littleEndian || syntax.uid === GE_PRIVATE;
}
