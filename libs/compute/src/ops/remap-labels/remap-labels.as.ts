// Other numbers for labels (AssemblyScript). The last answer is remembered: neighbors mostly agree.

/** args: labels, y, elements, count, from, to, has rest, rest. Each thread owns a run of elements. */
export function remap_labels(args: usize, part: i32, parts: i32): void {
  const labels = <usize>load<u32>(args);
  const y = <usize>load<u32>(args, 4);
  const elements = load<i32>(args, 8);
  const count = load<i32>(args, 12);
  const from = <usize>load<u32>(args, 16);
  const to = <usize>load<u32>(args, 20);
  const hasRest = load<i32>(args, 24) != 0;
  const rest = load<i32>(args, 28);
  let known = false;
  let last = 0;
  let answer = 0;
  for (let v = <i32>(<i64>elements * part / parts), end = <i32>(<i64>elements * (part + 1) / parts); v < end; v++) {
    const label = load<i32>(labels + (<usize>v << 2));
    if (!known || label != last) {
      known = true;
      last = label;
      answer = hasRest ? rest : label;
      for (let k = 0; k < count; k++) if (load<i32>(from + (<usize>k << 2)) == label) answer = load<i32>(to + (<usize>k << 2));
    }
    store<i32>(y + (<usize>v << 2), answer);
  }
}
