// Products of matrices, either read transposed. A workgroup owns 64x64 of one batch's result, an invocation 4x4 of them;
// TILE_K = 16 columns of a and rows of b are staged as vec4s, fetched along whichever axis is contiguous in memory.
const TILE = 64;
const TILE_K = 16;

struct Sizes {
  m: u32,
  k: u32,
  n: u32,
  aRow: u32,    // strides of a and b in elements
  aColumn: u32,
  bRow: u32,
  bColumn: u32,
  unused: u32,
}

@group(0) @binding(0) var<storage, read> a_: array<A>;
@group(0) @binding(1) var<storage, read> b_: array<B>;
@group(0) @binding(2) var<storage, read> batches: array<vec2<u32>>; // first element of a and of b
@group(0) @binding(3) var<storage, read_write> y: array<Y>;
@group(0) @binding(4) var<uniform> sizes: Sizes;

var<workgroup> tileA: array<vec4<f32>, TILE_K * TILE / 4>;
var<workgroup> tileB: array<vec4<f32>, TILE_K * TILE / 4>;

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  let starts = batches[group.z];
  let firstRow = group.y * TILE;
  let firstColumn = group.x * TILE;
  let tx = local % 16u;
  let ty = local / 16u;
  // Each invocation fetches one vec4 of either: four rows of a, four columns of b, at one position of the sum.
  let aFetch = select(vec2<u32>(local / 16u, local % 16u), vec2<u32>(local % 16u, local / 16u), A_TRANSPOSED);
  let bFetch = select(vec2<u32>(local % 16u, local / 16u), vec2<u32>(local / 16u, local % 16u), B_TRANSPOSED);
  var sums: array<vec4<f32>, 4>;
  for (var step = 0u; step < sizes.k; step += TILE_K) {
    var v = vec4<f32>(0.0);
    var w = vec4<f32>(0.0);
    for (var e = 0u; e < 4u; e++) {
      let row = firstRow + aFetch.x * 4u + e;
      let column = firstColumn + bFetch.x * 4u + e;
      if (row < sizes.m && step + aFetch.y < sizes.k) { v[e] = f32(a_[starts.x + row * sizes.aRow + (step + aFetch.y) * sizes.aColumn]); }
      if (column < sizes.n && step + bFetch.y < sizes.k) { w[e] = f32(b_[starts.y + (step + bFetch.y) * sizes.bRow + column * sizes.bColumn]); }
    }
    tileA[aFetch.y * (TILE / 4) + aFetch.x] = v;
    tileB[bFetch.y * (TILE / 4) + bFetch.x] = w;
    workgroupBarrier();
    for (var k = 0u; k < TILE_K; k++) {
      let a = tileA[k * (TILE / 4) + ty];
      let b = tileB[k * (TILE / 4) + tx];
      sums[0] = fma(vec4<f32>(a.x), b, sums[0]);
      sums[1] = fma(vec4<f32>(a.y), b, sums[1]);
      sums[2] = fma(vec4<f32>(a.z), b, sums[2]);
      sums[3] = fma(vec4<f32>(a.w), b, sums[3]);
    }
    workgroupBarrier();
  }
  for (var i = 0u; i < 4u; i++) {
    let row = firstRow + ty * 4u + i;
    for (var e = 0u; e < 4u; e++) {
      let column = firstColumn + tx * 4u + e;
      if (row < sizes.m && column < sizes.n) { y[(group.z * sizes.m + row) * sizes.n + column] = Y(sums[i][e]); }
    }
  }
}
