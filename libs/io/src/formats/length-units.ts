/** Units of length as ImageJ, OME and NRRD spell them. */
const MILLIMETRES: Readonly<Record<string, number>> = {
  m: 1000,
  cm: 10,
  mm: 1,
  um: 1e-3,
  µm: 1e-3,
  μm: 1e-3,
  micron: 1e-3,
  microns: 1e-3,
  '\\u00b5m': 1e-3,
  nm: 1e-6,
  pm: 1e-9,
  å: 1e-7,
  angstrom: 1e-7,
  inch: 25.4,
  in: 25.4,
};

/** Millimetres in one such unit; undefined for what is no length. */
export const millimetres = (unit: string | undefined): number | undefined =>
  MILLIMETRES[(unit ?? '').trim().toLowerCase()];
