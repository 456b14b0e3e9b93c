/** The size that a JPEG stream declares, read before anything is allocated for it. Source: ITU-T T.81, annex B. */
export interface JpegFrame {
  readonly rows: number;
  readonly columns: number;
  readonly samples: number;
  /** The components' names as letters. */
  readonly ids: string;
  readonly at: number;
}

/** The frame header, found by walking the segments in front of it. */
export function jpegFrame(b: Uint8Array): JpegFrame | undefined {
  for (let at = 2; at + 9 < b.length && b[at] === 0xff;) {
    const marker = b[at + 1]!;
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      const samples = b[at + 9]!;
      const names = Array.from({ length: samples }, (_, c) => b[at + 10 + 3 * c] ?? 0);
      const size = { rows: b[at + 5]! * 256 + b[at + 6]!, columns: b[at + 7]! * 256 + b[at + 8]! };
      return { ...size, samples, ids: String.fromCharCode(...names), at };
    }
    at += marker === 0xff ? 1 : 2 + b[at + 2]! * 256 + b[at + 3]!;
  }
  return undefined;
}
