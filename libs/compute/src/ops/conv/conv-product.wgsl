// Convolution as a matrix product that gathers its right side: output channels x voxels, summed over (tap, input channel).
// A workgroup owns TILE_M channels x TILE_N voxels; an invocation owns TM x TN of them in registers. Workgroup memory
// stages TILE_K rows of the packed weights and of the gathered input, whose border is zero by a test and not by padding.
// TN runs in vec4s GX apart, so that neighbors read neighboring vec4s; 64x128 by 8x8 keeps 64 sums for 4 reads per row.
//
// Voxels are walked per phase: destination = position * step + offset, source = position * stride + tap. A plain
// convolution has one phase; its gradient and the transposed convolution have one per residue of the stride.
const TILE_M = GY * TM;
const TILE_N = GX * TN;
const M4 = TM / 4;
const N4 = TN / 4;
const THREADS = GX * GY;

struct Sizes {
  sources: u32,       // input channels
  targets: u32,       // output channels
  samples: u32,
  splits: u32,        // parts of the sum, each written for itself
  splitRows: u32,     // rows of the sum per part, a multiple of TILE_K
  partSize: u32,      // elements of one part
  tilesY: u32,
  phases: u32,
  source: vec4<u32>,  // z, y, x of the input; 1 if there is a bias
  target_: vec4<u32>, // z, y, x of the output
  stride: vec4<u32>,
  step: vec4<u32>,
  // Per phase (first tap, taps, z, y) and (x, offset z, y, x); then per tap (z, y, x, -).
  table: array<vec4<i32>, TABLE>,
}

@group(0) @binding(0) var<storage, read> x: array<X>;
@group(0) @binding(1) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<Y>;
@group(0) @binding(4) var<uniform> sizes: Sizes;

var<workgroup> tileA: array<vec4<f32>, TILE_K * TILE_M / 4>;
var<workgroup> tileB: array<vec4<f32>, TILE_K * TILE_N / 4>;

// Sample and place on the phase's grid; samples past the last mark columns that are not there.
fn place(column: u32, grid: vec3<u32>) -> vec4<u32> {
  let row = column / grid.z;
  let plane = row / grid.y;
  let sample = plane / grid.x;
  return vec4<u32>(plane - sample * grid.x, row - plane * grid.y, column - row * grid.z, sample);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let phase = group.z / sizes.splits;
  let split = group.z - phase * sizes.splits;
  let head = sizes.table[phase * 2u];
  let tail = sizes.table[phase * 2u + 1u];
  let grid = vec3<u32>(u32(head.z), u32(head.w), u32(tail.x));
  let columns = sizes.samples * grid.x * grid.y * grid.z;
  // Tiles of voxels lie along x and, where x ends, in slabs of y beyond the tiles of channels.
  let slab = group.y / sizes.tilesY;
  let firstColumn = (slab * groups.x + group.x) * TILE_N;
  let firstTarget = (group.y - slab * sizes.tilesY) * TILE_M;
  let targets4 = (sizes.targets + 3u) / 4u;
  let sourceVoxels = sizes.source.x * sizes.source.y * sizes.source.z;
  let extent = vec3<i32>(sizes.source.xyz);

  let tx = local % GX;
  let ty = local / GX;
  var sums: array<vec4<f32>, TM * N4>;

  // The four voxels this invocation fetches are the same in every step.
  let fetchColumn = local % (TILE_N / 4);
  var places: array<vec3<i32>, 4>;
  var starts: array<i32, 4>;
  for (var e = 0u; e < 4u; e++) {
    let column = firstColumn + fetchColumn * 4u + e;
    let at = place(column, grid);
    let there = column < columns;
    places[e] = select(vec3<i32>(-0x10000000), vec3<i32>(at.xyz * sizes.stride.xyz), there);
    starts[e] = i32(select(0u, at.w * sizes.sources * sourceVoxels, there));
  }

  let allRows = u32(head.y) * sizes.sources;
  let firstRow = split * sizes.splitRows;
  let endRow = min(allRows, firstRow + sizes.splitRows);
  for (var row = firstRow; row < endRow; row += TILE_K) {
    for (var k = local; k < TILE_K * TILE_M / 4; k += THREADS) {
      let line = row + k / (TILE_M / 4);
      let target4 = firstTarget / 4u + k % (TILE_M / 4);
      var w = vec4<f32>(0.0);
      if (line < endRow && target4 < targets4) { w = weights[(u32(head.x) * sizes.sources + line) * targets4 + target4]; }
      tileA[k] = w;
    }
    for (var k = local / (TILE_N / 4); k < TILE_K; k += THREADS / (TILE_N / 4)) {
      let line = row + k;
      // Where TILE_K divides the channels, all rows of a step belong to one tap.
      let tap = select(line, row, ALIGNED) / sizes.sources;
      let channel = line - tap * sizes.sources;
      var v = vec4<f32>(0.0);
      if (line < endRow) {
        let shift = sizes.table[2u * sizes.phases + u32(head.x) + tap].xyz;
        let offset = i32(channel * sourceVoxels);
        for (var e = 0u; e < 4u; e++) {
          let at = places[e] + shift;
          if (all(vec3<u32>(at) < vec3<u32>(extent))) {
            v[e] = f32(x[starts[e] + offset + (at.x * extent.y + at.y) * extent.z + at.z]);
          }
        }
      }
      tileB[k * (TILE_N / 4) + fetchColumn] = v;
    }
    workgroupBarrier();
    for (var k = 0u; k < TILE_K; k++) {
      var b: array<vec4<f32>, N4>;
      for (var j = 0u; j < N4; j++) { b[j] = tileB[k * (TILE_N / 4) + j * GX + tx]; }
      for (var i = 0u; i < M4; i++) {
        let a = tileA[k * (TILE_M / 4) + i * GY + ty];
        for (var j = 0u; j < N4; j++) {
          sums[(i * 4u + 0u) * N4 + j] = fma(vec4<f32>(a.x), b[j], sums[(i * 4u + 0u) * N4 + j]);
          sums[(i * 4u + 1u) * N4 + j] = fma(vec4<f32>(a.y), b[j], sums[(i * 4u + 1u) * N4 + j]);
          sums[(i * 4u + 2u) * N4 + j] = fma(vec4<f32>(a.z), b[j], sums[(i * 4u + 2u) * N4 + j]);
          sums[(i * 4u + 3u) * N4 + j] = fma(vec4<f32>(a.w), b[j], sums[(i * 4u + 3u) * N4 + j]);
        }
      }
    }
    workgroupBarrier();
  }

  let targetVoxels = sizes.target_.x * sizes.target_.y * sizes.target_.z;
  for (var j = 0u; j < N4; j++) {
    for (var e = 0u; e < 4u; e++) {
      let column = firstColumn + (j * GX + tx) * 4u + e;
      if (column >= columns) { continue; }
      let at = place(column, grid);
      let to = at.xyz * sizes.step.xyz + vec3<u32>(tail.yzw);
      let start = split * sizes.partSize + at.w * sizes.targets * targetVoxels + (to.x * sizes.target_.y + to.y) * sizes.target_.z + to.z;
      for (var i = 0u; i < TM; i++) {
        let channel = firstTarget + ((i / 4u) * GY + ty) * 4u + i % 4u;
        if (channel < sizes.targets) {
          var total = sums[i * N4 + j][e];
          if (sizes.source.w == 1u) { total += bias[channel]; }
          y[start + channel * targetVoxels] = Y(total);
        }
      }
    }
  }
}
