/** The private CSA header of Siemens MR images: named text values in a binary list (layout as documented by nibabel's "Siemens CSA header" page). */

export interface CsaHeader {
  number(name: string): number | undefined;
  numbers(name: string): readonly number[];
}

/** Reads a CSA header of type 1 or 2; undefined when the bytes are none or are damaged: it only ever refines what DICOM says. */
export function readCsa(bytes: Uint8Array | undefined): CsaHeader | undefined {
  if (bytes === undefined || bytes.length < 16) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const latin = (at: number, length: number): string => {
    let text = '';
    for (let i = at; i < at + length && bytes[i] !== 0; i++) text += String.fromCharCode(bytes[i]!);
    return text;
  };
  const second = latin(0, 4) === 'SV10';
  const values = new Map<string, readonly string[]>();
  let at = second ? 8 : 0;
  const count = view.getUint32(at, true);
  at += 8;
  if (count < 1 || count > 1024) return undefined;
  let firstItems: number | undefined;
  for (let t = 0; t < count; t++) {
    if (at + 84 > bytes.length) return undefined;
    const name = latin(at, 64);
    const items = view.getInt32(at + 76, true);
    firstItems ??= items;
    at += 84;
    if (items < 0 || items > 1024) return undefined;
    const found: string[] = [];
    for (let i = 0; i < items; i++) {
      if (at + 16 > bytes.length) return undefined;
      // Type 1 writes lengths raised by the item count of the first tag.
      const length = second ? view.getInt32(at + 4, true) : view.getInt32(at, true) - firstItems;
      at += 16;
      if (length < 0 || at + length > bytes.length) return undefined;
      if (length > 0) found.push(latin(at, length).trim());
      at += (length + 3) & ~3;
    }
    values.set(name, found);
  }
  const numbers = (name: string): readonly number[] =>
    (values.get(name) ?? [])
      .filter((text) => text !== '')
      .map(Number)
      .filter(Number.isFinite);
  return { numbers, number: (name) => numbers(name)[0] };
}
