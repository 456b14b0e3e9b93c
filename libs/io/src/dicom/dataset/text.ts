/** Text in DICOM: the character sets of (0008,0005), after PS3.3 C.12.1.1.2 and PS3.5 6.1, decoded with the platform's TextDecoder. */

/** Decoders by the number of a set's registration. */
const registered: Readonly<Record<string, string>> = {
  6: 'us-ascii',
  13: 'shift_jis',
  58: 'gb18030',
  87: 'euc-jp',
  100: 'iso-8859-1',
  101: 'iso-8859-2',
  109: 'iso-8859-3',
  110: 'iso-8859-4',
  126: 'iso-8859-7',
  127: 'iso-8859-6',
  138: 'iso-8859-8',
  144: 'iso-8859-5',
  148: 'iso-8859-9',
  149: 'euc-kr',
  159: 'euc-jp',
  166: 'windows-874',
  192: 'utf-8',
  203: 'iso-8859-15',
};

export interface TextEncoding {
  /** A decoder's label: what text is in as long as no escape sequence says otherwise. */
  readonly initial: string;
  /** Whether escape sequences change between sets (code extensions of ISO 2022). */
  readonly extended: boolean;
}

export const LATIN: TextEncoding = { initial: 'iso-8859-1', extended: false };

function labelOf(name: string): string | undefined {
  if (name === 'GB18030' || name === 'GBK') return name.toLowerCase();
  const number = /^ISO(?:_IR| 2022 IR) ?(\d+)$/.exec(name)?.[1];
  return number === undefined ? undefined : registered[number];
}

/** What the values of SpecificCharacterSet ask for. Unknown names fall back to Latin-1, which never fails. */
export function encodingOf(characterSets: readonly string[]): TextEncoding {
  const names = characterSets.map((name) => name.trim());
  const labels = names.map(labelOf);
  const [first] = labels;
  const whole = first === 'utf-8' || first === 'gbk' || (first === 'gb18030' && names[0] === 'GB18030');
  const extended = !whole && (names.length > 1 || names.some((name) => name.startsWith('ISO 2022')));
  // Where the first set is ASCII alone, bytes above it without an escape sequence can only be of a later set.
  const initial = labels.find((label) => label !== undefined && label !== 'us-ascii');
  return { initial: (whole ? first : initial) ?? 'iso-8859-1', extended };
}

const decoders = new Map<string, TextDecoder>();

function decoded(bytes: Uint8Array, label: string): string {
  let decoder = decoders.get(label);
  if (decoder === undefined) decoders.set(label, (decoder = new TextDecoder(label)));
  return decoder.decode(bytes);
}

/** Bytes to text, with trailing padding (spaces, zero bytes) removed. `isName`: a person name, whose parts each begin in the initial set. */
export function decodeText(bytes: Uint8Array, { initial, extended }: TextEncoding, isName = false): string {
  let end = bytes.length;
  while (end > 0 && (bytes[end - 1] === 0 || bytes[end - 1] === 0x20)) end--;
  if (end <= 64) {
    let ascii = true;
    for (let i = 0; i < end && ascii; i++) ascii = bytes[i]! < 0x80 && bytes[i] !== 0x1b;
    if (ascii) return String.fromCharCode.apply(undefined, bytes.subarray(0, end) as unknown as number[]);
  }
  const text = bytes.subarray(0, end);
  return extended && text.includes(ESCAPE) ? decodeExtended(text, initial, isName) : decoded(text, initial);
}

const ESCAPE = 0x1b;

/** What bytes below 128 stand for: ASCII, or pairs of Japanese (JIS X 0208, JIS X 0212). */
type Lower = 'ascii' | '0208' | '0212';

/** By what follows the escape: the set that it switches bytes below (`lower`) or above 127 (`upper`) to. */
const switches: Readonly<Record<string, { readonly lower: Lower } | { readonly upper: string }>> = {
  '(B': { lower: 'ascii' },
  '(J': { lower: 'ascii' },
  $B: { lower: '0208' },
  '$@': { lower: '0208' },
  '$(D': { lower: '0212' },
  ')I': { upper: 'shift_jis' },
  '$)A': { upper: 'gb18030' },
  '$)C': { upper: 'euc-kr' },
  '-A': { upper: 'iso-8859-1' },
  '-B': { upper: 'iso-8859-2' },
  '-C': { upper: 'iso-8859-3' },
  '-D': { upper: 'iso-8859-4' },
  '-F': { upper: 'iso-8859-7' },
  '-G': { upper: 'iso-8859-6' },
  '-H': { upper: 'iso-8859-8' },
  '-L': { upper: 'iso-8859-5' },
  '-M': { upper: 'iso-8859-9' },
  '-T': { upper: 'windows-874' },
  '-b': { upper: 'iso-8859-15' },
};

/** Japanese in seven bits as EUC-JP, which has the same pairs with the high bits set; 8E stands before half-width katakana, 8F before JIS X 0212. */
function japanese(bytes: Uint8Array, lower: Lower): string {
  const euc: number[] = [];
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (byte >= 0x80) euc.push(0x8e, byte);
    else if (byte <= 0x20 || i + 1 >= bytes.length) euc.push(byte);
    else euc.push(...(lower === '0212' ? [0x8f] : []), byte | 0x80, bytes[++i]! | 0x80);
  }
  return decoded(Uint8Array.from(euc), 'euc-jp');
}

/** Text whose sets change by escape sequences; each line, each value and each part of a name begins in the initial one (PS3.5 6.1.2.5.3). */
function decodeExtended(bytes: Uint8Array, initial: string, isName: boolean): string {
  const delimiters = isName ? '\\^=' : '\\';
  let lower: Lower = 'ascii';
  let upper = initial;
  let out = '';
  let from = 0;
  const flush = (to: number): void => {
    const run = bytes.subarray(from, to);
    if (run.length > 0) out += lower === 'ascii' ? decoded(run, upper) : japanese(run, lower);
  };
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === ESCAPE) {
      flush(at);
      const after = String.fromCharCode(...bytes.subarray(at + 1, at + 4));
      const key = [after.slice(0, 2), after].find((sequence) => sequence in switches);
      const change = key === undefined ? undefined : switches[key]!;
      if (change !== undefined && 'lower' in change) ({ lower } = change);
      else if (change !== undefined) ({ upper } = change);
      from = at + 1 + (key?.length ?? 0);
      at = from - 1;
    } else if (
      (byte >= 0x09 && byte <= 0x0d) ||
      (lower === 'ascii' && byte < 0x80 && delimiters.includes(String.fromCharCode(byte)))
    ) {
      flush(at);
      out += String.fromCharCode(byte);
      from = at + 1;
      lower = 'ascii';
      upper = initial;
    }
  }
  flush(bytes.length);
  return out;
}
