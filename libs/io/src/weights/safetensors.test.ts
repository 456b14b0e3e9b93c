import { describe, expect, it } from 'vitest';
import { FormatError } from '../errors.ts';
import { decodeSafetensors, encodeSafetensors } from './safetensors.ts';

const file = encodeSafetensors(
  new Map([
    ['a.weight', { shape: [2, 3], data: Float32Array.from([1, -2, 3.5, 0, NaN, Infinity]) }],
    ['labels', { shape: [3], data: Int16Array.from([-1, 0, 300]) }],
    ['empty', { shape: [0], data: new Uint8Array(0) }],
  ]),
  { step: '12' },
);

describe('safetensors', () => {
  it('reads back what it wrote', () => {
    const { tensors, metadata } = decodeSafetensors(file);
    expect(metadata).toEqual({ step: '12' });
    expect([...tensors.keys()]).toEqual(['a.weight', 'labels', 'empty']);
    expect(tensors.get('a.weight')).toEqual({ shape: [2, 3], data: Float32Array.from([1, -2, 3.5, 0, NaN, Infinity]) });
    expect(tensors.get('labels')!.data).toEqual(Int16Array.from([-1, 0, 300]));
  });

  it('reads a Buffer that shares memory with others', () => {
    const shared = Buffer.concat([Buffer.alloc(3), file]).subarray(3);
    expect(decodeSafetensors(shared).tensors.get('labels')!.data).toEqual(Int16Array.from([-1, 0, 300]));
  });

  it('starts with a header of a length divisible by 8, and is the same every time', () => {
    expect(Number(new DataView(file.buffer).getBigUint64(0, true)) % 8).toBe(0);
    expect(encodeSafetensors(decodeSafetensors(file).tensors, { step: '12' })).toEqual(file);
  });

  it('widens half precision', () => {
    const header = new TextEncoder().encode(
      '{"h":{"dtype":"F16","shape":[3],"data_offsets":[0,6]},"b":{"dtype":"BF16","shape":[1],"data_offsets":[6,8]}}',
    );
    const bytes = new Uint8Array(8 + header.length + 8);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
    bytes.set(header, 8);
    bytes.set(new Uint8Array(Uint16Array.from([0x3c00, 0xc100, 0x0001, 0x4049]).buffer), 8 + header.length);
    const { tensors } = decodeSafetensors(bytes);
    expect([...tensors.get('h')!.data]).toEqual([1, -2.5, 2 ** -24]);
    expect([...tensors.get('b')!.data]).toEqual([3.140625]);
  });

  it('reads numbers without a sign', () => {
    const unsigned = new Map([
      ['a', { shape: [2], data: Uint16Array.of(0, 65535) }],
      ['b', { shape: [1], data: Uint32Array.of(4294967295) }],
    ]);
    expect(decodeSafetensors(encodeSafetensors(unsigned)).tensors).toEqual(unsigned);
    const header = new TextEncoder().encode('{"c":{"dtype":"U64","shape":[1],"data_offsets":[0,8]}}');
    const bytes = new Uint8Array(8 + header.length + 8).fill(255);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
    bytes.set(header, 8);
    expect([...decodeSafetensors(bytes).tensors.get('c')!.data]).toEqual([2 ** 64]);
  });

  it.each([0, 4, 8, 60, file.length - 1])('refuses a file that ends at byte %d', (length) => {
    expect(() => decodeSafetensors(file.slice(0, length), 'x.safetensors')).toThrow(FormatError);
    expect(() => decodeSafetensors(file.slice(0, length), 'x.safetensors')).toThrow(/x\.safetensors/);
  });

  it('refuses shapes that do not fill their bytes, and unknown types', () => {
    const text = new TextDecoder('latin1').decode(file);
    const changed = (from: string, to: string): Uint8Array =>
      Uint8Array.from(text.replace(from, to), (c) => c.charCodeAt(0));
    const head = (bytes: Uint8Array): Uint8Array => (bytes.set(file.subarray(0, 8)), bytes);
    expect(() => decodeSafetensors(head(changed('[2,3]', '[2,4]')))).toThrow(/a\.weight has shape \[2, 4\] of F32/);
    expect(() => decodeSafetensors(head(changed('"I16"', '"X16"')))).toThrow(/type X16/);
  });
});
