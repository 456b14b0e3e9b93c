/** The DICOM JSON model (PS3.18 annex F) as plain values. */
import { FormatError } from '../../errors.ts';
import { tagName } from '../dataset/tags.ts';

export type JsonAttribute = { readonly vr?: string; readonly Value?: readonly unknown[] };
/** Attributes by eight-digit tag, as servers answer. */
export type JsonDataSet = Readonly<Record<string, JsonAttribute>>;

const key = (tag: number): string => (tag >>> 0).toString(16).padStart(8, '0').toUpperCase();

/** All values of an attribute as text; person names by their alphabetic part. */
export function jsonTexts(dataset: JsonDataSet, tag: number): readonly string[] {
  const values = dataset[key(tag)]?.Value ?? [];
  return values.flatMap((value) => {
    if (value === null || value === undefined) return [];
    if (typeof value === 'object')
      return typeof (value as { Alphabetic?: unknown }).Alphabetic === 'string'
        ? [(value as { Alphabetic: string }).Alphabetic]
        : [];
    return [String(value)];
  });
}

/** The first value of an attribute as text; undefined when absent. */
export function jsonText(dataset: JsonDataSet, tag: number): string | undefined {
  return jsonTexts(dataset, tag)[0];
}

/** The first value as a number; undefined when absent or no number. */
export function jsonNumber(dataset: JsonDataSet, tag: number): number | undefined {
  const text = jsonText(dataset, tag);
  const value = text === undefined ? NaN : Number(text);
  return Number.isFinite(value) ? value : undefined;
}

/** Items of a sequence. */
export function jsonItems(dataset: JsonDataSet, tag: number): readonly JsonDataSet[] {
  return (dataset[key(tag)]?.Value ?? []).filter(
    (value): value is JsonDataSet => typeof value === 'object' && value !== null,
  );
}

/** Checks that an answer is a list of data sets. Throws: FormatError. */
export function jsonDataSets(answer: unknown, name: string): readonly JsonDataSet[] {
  if (
    Array.isArray(answer) &&
    answer.every((item) => typeof item === 'object' && item !== null && !Array.isArray(item))
  )
    return answer as JsonDataSet[];
  throw new FormatError(
    `${name}: expected a list of data sets in DICOM JSON, came ${JSON.stringify(answer)?.slice(0, 80) ?? 'nothing'}.`,
    { file: name, field: 'DICOM JSON' },
  );
}

/** A required text. Throws: FormatError when it is missing. */
export function requiredText(dataset: JsonDataSet, tag: number, name: string): string {
  const text = jsonText(dataset, tag);
  if (text === undefined)
    throw new FormatError(`${name}: an entry of the answer lacks ${tagName(tag)}.`, {
      file: name,
      field: tagName(tag),
    });
  return text;
}
