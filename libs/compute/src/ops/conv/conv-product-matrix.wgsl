// conv-product with subgroup matrices (tensor cores): f16 times f16, added up in f32, in matrices of SIDE x DEPTH x SIDE.
// A workgroup owns 64 channels x 64 voxels, each subgroup two by two matrices of them: four subgroups where matrices are
// 16x16. A step stages 16 rows of the packed weights and of the gathered input as halves; at the end the sums pass through
// workgroup memory, since a matrix' elements lie where the hardware wants them.
const TILE = 64u;
const TILE_K = 16u;
const OWN = 2u * SIDE; // channels and voxels of a subgroup
const ACROSS = TILE / OWN;
const THREADS = ACROSS * ACROSS * SUBGROUP;

alias Left = subgroup_matrix_left<f16, DEPTH, SIDE>;
alias Right = subgroup_matrix_right<f16, SIDE, DEPTH>;
alias Sum = subgroup_matrix_result<f32, SIDE, SIDE>;

struct Sizes {
  sources: u32,
  targets: u32,
  samples: u32,
  splits: u32,
  splitRows: u32,
  partSize: u32,
  tilesY: u32,
  phases: u32,
  source: vec4<u32>,
  target_: vec4<u32>,
  stride: vec4<u32>,
  step: vec4<u32>,
  table: array<vec4<i32>, TABLE>,
}

@group(0) @binding(0) var<storage, read> x: array<f16>;
@group(0) @binding(1) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<Y>;
@group(0) @binding(4) var<uniform> sizes: Sizes;

var<workgroup> tileA: array<f16, TILE_K * TILE>; // [k][channel]
var<workgroup> tileB: array<f16, TILE_K * TILE>; // [k][voxel]
var<workgroup> result: array<f32, 32 * TILE>;   // [channel][voxel], half of the channels at a time

fn place(column: u32, grid: vec3<u32>) -> vec4<u32> {
  let row = column / grid.z;
  let plane = row / grid.y;
  let sample = plane / grid.x;
  return vec4<u32>(plane - sample * grid.x, row - plane * grid.y, column - row * grid.z, sample);
}

// All of a subgroup agree on its offsets, which the compiler cannot see.
@compute @workgroup_size(THREADS) @diagnostic(off, chromium.subgroup_matrix_uniformity)
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let phase = group.z / sizes.splits;
  let split = group.z - phase * sizes.splits;
  let head = sizes.table[phase * 2u];
  let tail = sizes.table[phase * 2u + 1u];
  let grid = vec3<u32>(u32(head.z), u32(head.w), u32(tail.x));
  let columns = sizes.samples * grid.x * grid.y * grid.z;
  let slab = group.y / sizes.tilesY;
  let firstColumn = (slab * groups.x + group.x) * TILE;
  let firstTarget = (group.y - slab * sizes.tilesY) * TILE;
  let targets4 = (sizes.targets + 3u) / 4u;
  let sourceVoxels = sizes.source.x * sizes.source.y * sizes.source.z;
  let extent = vec3<i32>(sizes.source.xyz);
  let subgroup = local / SUBGROUP;
  let cornerM = (subgroup / ACROSS) * OWN;
  let cornerN = (subgroup % ACROSS) * OWN;

  // The voxel this invocation fetches is the same in every step; two invocations share it and take turns along k.
  let fetchColumn = firstColumn + local % TILE;
  let fetchAt = place(fetchColumn, grid);
  let there = fetchColumn < columns;
  let origin = select(vec3<i32>(-0x10000000), vec3<i32>(fetchAt.xyz * sizes.stride.xyz), there);
  let start = i32(select(0u, fetchAt.w * sizes.sources * sourceVoxels, there));

  var sum00: Sum;
  var sum01: Sum;
  var sum10: Sum;
  var sum11: Sum;

  let allRows = u32(head.y) * sizes.sources;
  let firstRow = split * sizes.splitRows;
  let endRow = min(allRows, firstRow + sizes.splitRows);
  for (var row = firstRow; row < endRow; row += TILE_K) {
    for (var k = local; k < TILE_K * TILE / 4; k += THREADS) {
      let line = row + k / (TILE / 4);
      let target4 = firstTarget / 4u + k % (TILE / 4);
      var w = vec4<f32>(0.0);
      if (line < endRow && target4 < targets4) { w = weights[(u32(head.x) * sizes.sources + line) * targets4 + target4]; }
      for (var e = 0u; e < 4u; e++) { tileA[k * 4u + e] = f16(w[e]); }
    }
    for (var k = local / TILE; k < TILE_K; k += THREADS / TILE) {
      let line = row + k;
      let tap = select(line, row, ALIGNED) / sizes.sources;
      var v = f16(0.0);
      if (line < endRow) {
        let at = origin + sizes.table[2u * sizes.phases + u32(head.x) + tap].xyz;
        if (all(vec3<u32>(at) < vec3<u32>(extent))) {
          v = x[start + i32((line - tap * sizes.sources) * sourceVoxels) + (at.x * extent.y + at.y) * extent.z + at.z];
        }
      }
      tileB[k * TILE + local % TILE] = v;
    }
    workgroupBarrier();
    for (var k = 0u; k < TILE_K; k += DEPTH) {
      // a is stored with channels side by side: column-major as [channel][k].
      let a0 = subgroupMatrixLoad<Left>(&tileA, k * TILE + cornerM, true, TILE);
      let a1 = subgroupMatrixLoad<Left>(&tileA, k * TILE + cornerM + SIDE, true, TILE);
      let b0 = subgroupMatrixLoad<Right>(&tileB, k * TILE + cornerN, false, TILE);
      let b1 = subgroupMatrixLoad<Right>(&tileB, k * TILE + cornerN + SIDE, false, TILE);
      sum00 = subgroupMatrixMultiplyAccumulate(a0, b0, sum00);
      sum01 = subgroupMatrixMultiplyAccumulate(a0, b1, sum01);
      sum10 = subgroupMatrixMultiplyAccumulate(a1, b0, sum10);
      sum11 = subgroupMatrixMultiplyAccumulate(a1, b1, sum11);
    }
    workgroupBarrier();
  }
  let targetVoxels = sizes.target_.x * sizes.target_.y * sizes.target_.z;
  let to = fetchAt.xyz * sizes.step.xyz + vec3<u32>(tail.yzw);
  let first = split * sizes.partSize + fetchAt.w * sizes.targets * targetVoxels + (to.x * sizes.target_.y + to.y) * sizes.target_.z + to.z;
  for (var half = 0u; half < 2u; half++) {
    if (cornerM / 32u == half) {
      let corner = cornerM % 32u * TILE + cornerN;
      subgroupMatrixStore(&result, corner, sum00, false, TILE);
      subgroupMatrixStore(&result, corner + SIDE, sum01, false, TILE);
      subgroupMatrixStore(&result, corner + SIDE * TILE, sum10, false, TILE);
      subgroupMatrixStore(&result, corner + SIDE * TILE + SIDE, sum11, false, TILE);
    }
    workgroupBarrier();
    for (var i = local / TILE; i < 32u; i += THREADS / TILE) {
      let channel = firstTarget + half * 32u + i;
      if (there && channel < sizes.targets) {
        var total = result[i * TILE + local % TILE];
        if (sizes.source.w == 1u) { total += bias[channel]; }
        y[first + channel * targetVoxels] = Y(total);
      }
    }
    workgroupBarrier();
  }
}
