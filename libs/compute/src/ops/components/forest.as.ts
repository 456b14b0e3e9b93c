// The union-find forest of runs (AssemblyScript). The output holds it while it grows: the first voxel of a run holds its
// parent's index + 1, the others of the run that of their first. Parents come earlier in the array.

// @ts-ignore: decorator
@inline
function find(to: usize, voxel: i32): i32 {
  let v = voxel;
  let parent = load<i32>(to + (<usize>v << 2)) - 1;
  while (parent != v) {
    const grand = load<i32>(to + (<usize>parent << 2));
    store<i32>(to + (<usize>v << 2), grand);
    v = grand - 1;
    parent = load<i32>(to + (<usize>v << 2)) - 1;
  }
  return v;
}

// @ts-ignore: decorator
@inline
function at<T>(from: usize, index: i32): T {
  return load<T>(from + (<usize>index << alignof<T>()));
}

/** Joins the run [start, end) (first voxel `root`) with what it touches in the row that begins at `other`. */
// @ts-ignore: decorator
@inline
function join<T>(from: usize, to: usize, label: T, first: i32, other: i32, low: i32, high: i32): void {
  let x = low;
  while (x < high) {
    if (at<T>(from, other + x) != label) {
      x++;
      continue;
    }
    const a = find(to, other + x);
    const b = find(to, first);
    if (a < b) store<i32>(to + (<usize>b << 2), a + 1);
    else if (b < a) store<i32>(to + (<usize>a << 2), b + 1);
    x++;
    while (x < high && at<T>(from, other + x) == label) x++;
  }
}

/** Fills `to` with the forest of `from`; `invert`: of its zero voxels. */
// @ts-ignore: decorator
@inline
function componentForest<T>(from: usize, to: usize, nz: i32, ny: i32, nx: i32, connectivity: i32, background: T, one: bool): void {
  const faces = connectivity == 6;
  for (let z = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      const row = (z * ny + y) * nx;
      let x = 0;
      while (x < nx) {
        const label = at<T>(from, row + x);
        if (one ? label != background : label == background) {
          store<i32>(to + (<usize>(row + x) << 2), 0);
          x++;
          continue;
        }
        const start = x;
        const first = row + x;
        while (x < nx && at<T>(from, row + x) == label) {
          store<i32>(to + (<usize>(row + x) << 2), first + 1);
          x++;
        }
        const wideLow = max(0, start - 1);
        const wideHigh = min(nx, x + 1);
        if (y > 0) join<T>(from, to, label, first, row - nx, faces ? start : wideLow, faces ? x : wideHigh);
        if (z > 0) {
          const above = row - nx * ny;
          join<T>(from, to, label, first, above, faces ? start : wideLow, faces ? x : wideHigh);
          if (!faces) {
            const low = connectivity == 26 ? wideLow : start;
            const high = connectivity == 26 ? wideHigh : x;
            if (y > 0) join<T>(from, to, label, first, above - nx, low, high);
            if (y < ny - 1) join<T>(from, to, label, first, above + nx, low, high);
          }
        }
      }
    }
  }
}

export { componentForest };
