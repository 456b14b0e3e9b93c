/** The drawing of the house as data: which package may import which. Lint, the arrow check and the docs read this table. */
export const floors = {
  volume: [],
  compute: [],
  io: ['volume'],
  transforms: ['volume', 'compute'],
  nets: ['compute'],
  metrics: ['volume'],
  planner: ['volume', 'compute', 'transforms', 'nets'],
  inference: ['volume', 'compute', 'io', 'transforms', 'nets', 'metrics', 'planner'],
  training: ['volume', 'compute', 'io', 'transforms', 'nets', 'metrics', 'planner', 'inference'],
  ensemble: ['volume', 'compute', 'io', 'transforms', 'nets', 'metrics', 'planner', 'inference'],
};
