/** Hexadecimal text, two digits to a byte, white space between them passed over. */
import { FormatError } from '../errors.ts';

const digits = new Int8Array(256).fill(-1);
for (let i = 0; i < 16; i++)
  for (const c of [i.toString(16), i.toString(16).toUpperCase()]) digits[c.charCodeAt(0)] = i;
const isSpace = (byte: number): boolean => byte === 32 || (byte >= 9 && byte <= 13);

/** The bytes that the text spells. Throws: FormatError at what is no digit. */
export async function* unhex(text: AsyncIterable<Uint8Array>, name?: string): AsyncGenerator<Uint8Array> {
  let high = -1;
  let position = 0;
  for await (const chunk of text) {
    const bytes = new Uint8Array((chunk.length >> 1) + 1);
    let filled = 0;
    for (const [i, byte] of chunk.entries()) {
      const digit = digits[byte]!;
      if (digit >= 0) {
        if (high < 0) high = digit;
        else {
          bytes[filled++] = high * 16 + digit;
          high = -1;
        }
      } else if (!isSpace(byte))
        throw new FormatError(
          `${name ?? 'bytes'}: the byte ${byte} near ${position + i} of the voxels is no hexadecimal digit.`,
          {
            ...(name === undefined ? {} : { file: name }),
            field: 'hexadecimal voxels',
            byteOffset: position + i,
          },
        );
    }
    position += chunk.length;
    if (filled > 0) yield bytes.subarray(0, filled);
  }
}
