// Gradient of a convolution's weight as a matrix product: output channels x (tap, input channel), summed over voxels.
// A workgroup owns TILE_M x TILE_N of it for one part of the voxels; an invocation owns TM x 4. A step stages TILE_K
// voxels: neighboring invocations fetch neighboring voxels, four channels each, and store them as one vec4; rows are one
// vec4 longer than needed, which keeps those stores in different banks. Columns are padded to 4 channels per tap.
const TILE_M = GY * TM;
const TILE_N = GX * 4;
const THREADS = GX * GY;
const ROW_A = TILE_M / 4 + 1;
const ROW_B = TILE_N / 4 + 1;
const FETCHES = (TILE_N / 4 + THREADS / TILE_K - 1) / (THREADS / TILE_K);

struct Sizes {
  inputs: u32,
  outputs: u32,
  samples: u32,
  taps: u32,
  partVoxels: u32, // voxels of all samples per part, a multiple of TILE_K
  unused0: u32,
  unused1: u32,
  unused2: u32,
  input: vec4<u32>,
  output: vec4<u32>,
  stride: vec4<u32>,
  table: array<vec4<i32>, TABLE>, // per tap (z, y, x, -), padding taken off
}

@group(0) @binding(0) var<storage, read> x: array<X>;
@group(0) @binding(1) var<storage, read> dy: array<DY>;
@group(0) @binding(2) var<storage, read_write> parts: array<f32>; // [part][outputs][columns]
@group(0) @binding(3) var<uniform> sizes: Sizes;

var<workgroup> tileA: array<vec4<f32>, TILE_K * ROW_A>;
var<workgroup> tileB: array<vec4<f32>, TILE_K * ROW_B>;

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  let inputs4 = (sizes.inputs + 3u) / 4u;
  let columns = sizes.taps * inputs4 * 4u;
  let firstColumn = group.x * TILE_N;
  let firstOutput = group.y * TILE_M;
  let inputVoxels = sizes.input.x * sizes.input.y * sizes.input.z;
  let outputVoxels = sizes.output.x * sizes.output.y * sizes.output.z;
  let extent = vec3<i32>(sizes.input.xyz);
  let tx = local % GX;
  let ty = local / GX;
  let fetchVoxel = local % TILE_K;
  let fetchGroup = local / TILE_K;

  // Tap and first channel of the columns this invocation fetches; channel -1: none.
  var fetches: array<vec4<i32>, FETCHES>;
  for (var f = 0u; f < FETCHES; f++) {
    let column = firstColumn + (fetchGroup + f * (THREADS / TILE_K)) * 4u;
    let tap = column / (inputs4 * 4u);
    if (column < columns) { fetches[f] = vec4<i32>(sizes.table[tap].xyz, i32(column - tap * inputs4 * 4u)); }
    else { fetches[f] = vec4<i32>(0, 0, 0, -1); }
  }

  var sums: array<vec4<f32>, TM>;
  let end = min(sizes.samples * outputVoxels, (group.z + 1u) * sizes.partVoxels);
  for (var first = group.z * sizes.partVoxels; first < end; first += TILE_K) {
    let voxel = first + fetchVoxel;
    let sample = voxel / outputVoxels;
    let within = voxel - sample * outputVoxels;
    let line = within / sizes.output.z;
    let plane = line / sizes.output.y;
    let base = vec3<i32>(vec3<u32>(plane, line - plane * sizes.output.y, within - line * sizes.output.z) * sizes.stride.xyz);
    for (var g = fetchGroup; g < TILE_M / 4; g += THREADS / TILE_K) {
      var v = vec4<f32>(0.0);
      let channel = firstOutput + g * 4u;
      if (voxel < end) {
        for (var e = 0u; e < 4u; e++) {
          if (channel + e < sizes.outputs) { v[e] = f32(dy[(sample * sizes.outputs + channel + e) * outputVoxels + within]); }
        }
      }
      tileA[fetchVoxel * ROW_A + g] = v;
    }
    for (var f = 0u; f < FETCHES; f++) {
      let fetch = fetches[f];
      let at = base + fetch.xyz;
      var v = vec4<f32>(0.0);
      if (voxel < end && fetch.w >= 0 && all(vec3<u32>(at) < vec3<u32>(extent))) {
        let channel = u32(fetch.w);
        let start = (sample * sizes.inputs + channel) * inputVoxels + u32((at.x * extent.y + at.y) * extent.z + at.z);
        for (var e = 0u; e < 4u; e++) {
          if (channel + e < sizes.inputs) { v[e] = f32(x[start + e * inputVoxels]); }
        }
      }
      let g = fetchGroup + f * (THREADS / TILE_K);
      if (g < TILE_N / 4) { tileB[fetchVoxel * ROW_B + g] = v; }
    }
    workgroupBarrier();
    for (var k = 0u; k < TILE_K; k++) {
      let b = tileB[k * ROW_B + tx];
      for (var i = 0u; i < TM / 4; i++) {
        let a = tileA[k * ROW_A + i * GY + ty];
        sums[i * 4u + 0u] = fma(vec4<f32>(a.x), b, sums[i * 4u + 0u]);
        sums[i * 4u + 1u] = fma(vec4<f32>(a.y), b, sums[i * 4u + 1u]);
        sums[i * 4u + 2u] = fma(vec4<f32>(a.z), b, sums[i * 4u + 2u]);
        sums[i * 4u + 3u] = fma(vec4<f32>(a.w), b, sums[i * 4u + 3u]);
      }
    }
    workgroupBarrier();
  }

  let column = firstColumn + tx * 4u;
  for (var i = 0u; i < TM; i++) {
    let channel = firstOutput + ((i / 4u) * GY + ty) * 4u + i % 4u;
    if (channel < sizes.outputs && column < columns) {
      let start = (group.z * sizes.outputs + channel) * columns + column;
      for (var e = 0u; e < 4u; e++) { parts[start + e] = sums[i][e]; }
    }
  }
}
