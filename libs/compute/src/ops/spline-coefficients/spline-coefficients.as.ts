// Spline coefficients along one axis in place (AssemblyScript). Each thread owns a run of lines; lines that lie side by side
// are walked together, so that memory is read in its order.

const P: f32 = -0.26794919243112270647;

/** args: y, outer, n, inner. */
export function spline_coefficients(args: usize, part: i32, parts: i32): void {
  const y = <usize>load<u32>(args);
  const outer = load<i32>(args, 4);
  const n = load<i32>(args, 8);
  const inner = load<i32>(args, 12);
  const lines = <i64>outer * inner;
  for (let line = <i32>(lines * part / parts), stop = <i32>(lines * (part + 1) / parts); line < stop; ) {
    const o = line / inner;
    const i = line - o * inner;
    const width = min(min(inner - i, stop - line), 64);
    const base = y + ((<usize>o * <usize>n * <usize>inner + <usize>i) << 2);
    const step = <usize>inner << 2;
    for (let w = 0; w < width; w++) {
      const p = base + (<usize>w << 2);
      const last = p + <usize>(n - 1) * step;
      const after = <f32>6 / (1 - P) * load<f32>(last);
      let run = <f32>6 / (1 - P) * load<f32>(p);
      store<f32>(p, run);
      for (let q = p + step; q <= last; q += step) {
        run = 6 * load<f32>(q) + P * run;
        store<f32>(q, run);
      }
      run = -P * (after / (1 - P) + (run - after) / (1 - P * P));
      store<f32>(last, run);
      for (let q = last - step; q >= p; q -= step) {
        run = P * (run - load<f32>(q));
        store<f32>(q, run);
      }
    }
    line += width;
  }
}
