// Euclidean distance (AssemblyScript): squared distances along rows, then lower envelopes along y and along z over sixteen
// neighboring columns at a time.

/** args: mask, y, nz, ny, nx, spacing. Squared distance within each row. Each thread owns a run of rows. */
export function distance_rows(args: usize, part: i32, parts: i32): void {
  const mask = <usize>load<u32>(args);
  const y = <usize>load<u32>(args, 4);
  const rows = load<i32>(args, 8) * load<i32>(args, 12);
  const nx = load<i32>(args, 16);
  const spacing = load<f32>(args, 20);
  for (let row = <i32>(<i64>rows * part / parts), stop = <i32>(<i64>rows * (part + 1) / parts); row < stop; row++) {
    const from = mask + <usize>row * <usize>nx;
    const to = y + (<usize>row * <usize>nx << 2);
    let steps: f32 = Infinity;
    for (let x = 0; x < nx; x++) {
      steps = load<u8>(from + <usize>x) == 0 ? 0 : steps + 1;
      store<f32>(to + (<usize>x << 2), steps);
    }
    steps = Infinity;
    for (let x = nx - 1; x >= 0; x--) {
      const at = to + (<usize>x << 2);
      const here = load<f32>(at);
      steps = here == 0 ? 0 : steps + 1;
      const length = min(here, steps) * spacing;
      store<f32>(at, length * length);
    }
  }
}

/** args: y in place, work, work bytes per part, nz, ny, nx, axis (0 = z, 1 = y), spacing, take the root. */
export function distance_columns(args: usize, part: i32, parts: i32): void {
  const y = <usize>load<u32>(args);
  const nz = load<i32>(args, 12);
  const ny = load<i32>(args, 16);
  const nx = load<i32>(args, 20);
  const axis = load<i32>(args, 24);
  const spacing = <f64>load<f32>(args, 28);
  const root = load<i32>(args, 32) != 0;
  const n = axis == 0 ? nz : ny;
  const stride = <usize>(axis == 0 ? ny * nx : nx) << 2;
  const outer = axis == 0 ? 1 : nz;
  const inner = axis == 0 ? ny * nx : nx;
  const blocks = (inner + 15) >> 4;
  const columns = <usize>load<u32>(args, 4) + <usize>load<u32>(args, 8) * <usize>part;
  const borders = columns + (<usize>n << 6);
  const sites = borders + (<usize>n << 3);
  const square = spacing * spacing;
  const all = outer * blocks;
  for (let b = <i32>(<i64>all * part / parts), stop = <i32>(<i64>all * (part + 1) / parts); b < stop; b++) {
    const first = (b % blocks) << 4;
    const width = min(16, inner - first);
    const base = y + ((<usize>(b / blocks) * <usize>(ny * nx) + <usize>first) << 2);
    for (let q = 0; q < n; q++) {
      const source = base + <usize>q * stride;
      for (let k = 0; k < width; k++) store<f32>(columns + (<usize>(k * n + q) << 2), load<f32>(source + (<usize>k << 2)));
    }
    for (let k = 0; k < width; k++) {
      const g = columns + (<usize>(k * n) << 2);
      let count = 0;
      for (let q = 0; q < n; q++) {
        const height = <f64>load<f32>(g + (<usize>q << 2));
        if (height == Infinity) continue;
        const own = height + square * <f64>(q * q);
        let border = -Infinity;
        while (count > 0) {
          const v = load<i32>(sites + (<usize>(count - 1) << 2));
          const other = <f64>load<f32>(g + (<usize>v << 2)) + square * <f64>(v * v);
          border = (own - other) / (2 * square * <f64>(q - v));
          if (border > load<f64>(borders + (<usize>(count - 1) << 3))) break;
          border = -Infinity;
          count--;
        }
        store<i32>(sites + (<usize>count << 2), q);
        store<f64>(borders + (<usize>count << 3), border);
        count++;
      }
      let site = 0;
      const target = base + (<usize>k << 2);
      for (let q = 0; q < n; q++) {
        let value: f64 = Infinity;
        if (count > 0) {
          while (site + 1 < count && load<f64>(borders + (<usize>(site + 1) << 3)) < <f64>q) site++;
          const v = load<i32>(sites + (<usize>site << 2));
          const far = <f64>(q - v);
          value = square * far * far + <f64>load<f32>(g + (<usize>v << 2));
        }
        store<f32>(target + <usize>q * stride, root ? <f32>Math.sqrt(value) : <f32>value);
      }
    }
  }
}
