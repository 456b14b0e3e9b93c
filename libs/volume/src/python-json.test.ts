import { describe, expect, it } from 'vitest';
import { JsonError } from './errors.ts';
import { parsePythonJson, writeNumber, writePythonJson } from './python-json.ts';

describe('writePythonJson', () => {
  it('writes what json.dump(value, indent=4) writes', () => {
    const value = { b: [1, 0.5, Number.NaN], a: { é: 'ß"\n' }, empty: {}, none: [], nil: null, yes: true };
    expect(writePythonJson(value)).toBe(
      '{\n    "b": [\n        1,\n        0.5,\n        NaN\n    ],\n    "a": {\n        "\\u00e9": "\\u00df\\"\\n"\n    },\n' +
        '    "empty": {},\n    "none": [],\n    "nil": null,\n    "yes": true\n}',
    );
  });

  it('sorts keys, and writes floats where the caller says so', () => {
    const text = writePythonJson({ b: 2, a: 1 }, { indent: 0, sortKeys: true, isFloat: ([key]) => key === 'a' });
    expect(text).toBe('{"a": 1.0, "b": 2}');
  });

  it.each([
    [1e-5, '1e-05'],
    [0.0001, '0.0001'],
    [1.5e16, '1.5e+16'],
    [123456789012345680, '1.2345678901234568e+17'],
    [-2, '-2.0'],
    [0.1 + 0.2, '0.30000000000000004'],
    [Number.NEGATIVE_INFINITY, '-Infinity'],
  ])('writes the float %d as Python does', (x, text) => expect(writeNumber(x, true)).toBe(text));

  it('refuses what JSON has no word for', () => {
    expect(() => writePythonJson({ a: { b: () => 1 } })).toThrow(/function at a\.b/);
  });
});

describe('parsePythonJson', () => {
  it('reads back what it wrote, NaN included', () => {
    const value = {
      a: [1, -0.25, 1e-5, Number.NaN, Number.POSITIVE_INFINITY],
      'ü "': ['x\ty', null, false],
      __proto__x: {},
    };
    expect(parsePythonJson(writePythonJson(value))).toEqual(value);
  });

  it('keeps a key named __proto__ as a key', () => {
    const value = parsePythonJson('{"__proto__": {"polluted": 1}}') as Record<string, unknown>;
    expect(Object.keys(value)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  it.each(['', '{', '[1,]', '{"a" 1}', '01', '[1] 2', '"open', '{a: 1}', 'nan', '"\\x"'])(
    'refuses %j with a place',
    (text) => {
      expect(() => parsePythonJson(text)).toThrow(JsonError);
      expect(() => parsePythonJson(text)).toThrow(/line 1, column \d+: expected /);
    },
  );

  it('refuses nesting that would overflow the stack', () => {
    expect(() => parsePythonJson('['.repeat(100_000))).toThrow(/256 levels/);
  });
});
