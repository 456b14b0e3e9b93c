/** Text in DICOM: the character sets of (0008,0005), after PS3.3 C.12.1.1.2, decoded with the platform's TextDecoder. */

const encodings: Readonly<Record<string, string>> = {
  'ISO_IR 100': 'iso-8859-1',
  'ISO_IR 101': 'iso-8859-2',
  'ISO_IR 109': 'iso-8859-3',
  'ISO_IR 110': 'iso-8859-4',
  'ISO_IR 144': 'iso-8859-5',
  'ISO_IR 127': 'iso-8859-6',
  'ISO_IR 126': 'iso-8859-7',
  'ISO_IR 138': 'iso-8859-8',
  'ISO_IR 148': 'iso-8859-9',
  'ISO_IR 203': 'iso-8859-15',
  'ISO_IR 13': 'shift_jis',
  'ISO_IR 166': 'windows-874',
  'ISO_IR 192': 'utf-8',
  GB18030: 'gb18030',
  GBK: 'gbk',
  'ISO 2022 IR 13': 'shift_jis',
  'ISO 2022 IR 87': 'iso-2022-jp',
  'ISO 2022 IR 149': 'euc-kr',
  'ISO 2022 IR 58': 'gb18030',
};

/**
 * The decoder label for a value of SpecificCharacterSet. Of several sets joined by code extensions the last one that
 * names an encoding wins: it covers the ASCII of the others. Unknown names fall back to Latin-1, which never fails.
 */
export function encodingOf(characterSets: readonly string[]): string {
  for (const name of [...characterSets].reverse()) {
    const trimmed = name.trim();
    const known = encodings[trimmed] ?? encodings[trimmed.replace(/^ISO 2022 IR /, 'ISO_IR ')];
    if (known !== undefined) return known;
  }
  return 'iso-8859-1';
}

const decoders = new Map<string, TextDecoder>();

/** Bytes to text, with trailing padding (spaces, zero bytes) removed. */
export function decodeText(bytes: Uint8Array, encoding: string): string {
  let end = bytes.length;
  while (end > 0 && (bytes[end - 1] === 0 || bytes[end - 1] === 0x20)) end--;
  if (end <= 64) {
    let ascii = true;
    for (let i = 0; i < end && ascii; i++) ascii = bytes[i]! < 0x80 && bytes[i] !== 0x1b;
    if (ascii) return String.fromCharCode.apply(undefined, bytes.subarray(0, end) as unknown as number[]);
  }
  let decoder = decoders.get(encoding);
  if (decoder === undefined) decoders.set(encoding, (decoder = new TextDecoder(encoding)));
  return decoder.decode(bytes.subarray(0, end));
}
