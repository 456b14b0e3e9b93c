/** Unique identifiers and times for new objects, made from what the object holds: the same input gives the same file. */

/** A UID under 2.25 (PS3.5 B.2) from the SHA-256 of some parts. */
export async function derivedUid(...parts: readonly (string | Uint8Array)[]): Promise<string> {
  const encoder = new TextEncoder();
  const digests: Uint8Array[] = [];
  for (const part of parts) {
    const bytes = typeof part === 'string' ? encoder.encode(part) : part;
    digests.push(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)));
  }
  const joined = new Uint8Array(digests.length * 32);
  digests.forEach((digest, i) => joined.set(digest, i * 32));
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', joined));
  // The bits that mark a UUID as name-based (RFC 4122 4.3).
  hash[6] = (hash[6]! & 0x0f) | 0x50;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  let number = 0n;
  for (const byte of hash.subarray(0, 16)) number = (number << 8n) | BigInt(byte);
  return `2.25.${number}`;
}

export interface DicomTime {
  /** YYYYMMDD. */
  readonly date: string;
  /** HHMMSS. */
  readonly time: string;
}

/** A moment in UTC as DICOM spells it. */
export function dicomTime(moment: Date): DicomTime {
  const iso = moment.toISOString();
  return { date: iso.slice(0, 10).replaceAll('-', ''), time: iso.slice(11, 19).replaceAll(':', '') };
}
