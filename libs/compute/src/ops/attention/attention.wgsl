// Attention and its gradient. A workgroup of 8x8 owns 32 rows of a result: queries (`forward`, `query_gradient`) or keys
// (`key_gradient`, `value_gradient`), and walks the other side 32 at a time; an invocation holds 4x4 scores. Both operands of a
// product are staged 32 deep; scores go through workgroup memory to become an operand. 12 KiB, within what every adapter has.
// A row of eight invocations joins its maxima and sums by a prelude: joinedMax, joinedSum and placeOf an Invocation.
// `bias_gradient`: a workgroup owns 32x32 of one matrix and walks the batches that read it.
struct Sizes {
  batches: u32,
  queries: u32,
  keys: u32,
  d: u32,
  e: u32,
  scale: f32,
  matrices: u32, // of the bias
  unused: u32,
  axes: array<vec4<u32>, 4>, // leading axes, slowest first: size, step in matrices of the bias, of the mask
}

@group(0) @binding(0) var<storage, read> q: array<Q>;
@group(0) @binding(1) var<storage, read> k: array<K>;
@group(0) @binding(2) var<storage, read> v: array<V>;
@group(0) @binding(3) var<storage, read> bias: array<BIAS>;
@group(0) @binding(4) var<storage, read> mask: array<MASK>;
@group(0) @binding(5) var<storage, read> dy: array<DY>;
@group(0) @binding(6) var<storage, read> rows: array<vec2<f32>>; // logarithm of the sum of exponentials, Σ y · dy
@group(0) @binding(7) var<storage, read_write> made: array<MADE>;
@group(0) @binding(8) var<storage, read_write> sums: array<f32>;
@group(0) @binding(9) var<uniform> sizes: Sizes;

const SIDE = 32u;
const LOWEST = -3.0e38;

var<workgroup> left: array<vec4<f32>, 256>;  // [depth 32][4 rows each]
var<workgroup> right: array<vec4<f32>, 256>; // [depth 32][4 columns each]
var<workgroup> tile: array<vec4<f32>, 256>;  // scores, as a left operand

var<private> batch: u32;
var<private> tx: u32;
var<private> ty: u32;
var<private> product: array<vec4<f32>, 4>;

fn begin(place: u32, ofBatch: u32) {
  batch = ofBatch;
  tx = place % 8u;
  ty = place / 8u;
}

// Matrices of the bias and of the mask that this batch reads.
fn matricesOf(index: u32) -> vec2<u32> {
  var rest = index;
  var found = vec2<u32>(0u);
  for (var axis = 3i; axis >= 0i; axis--) {
    let size = sizes.axes[axis].x;
    found += (rest % size) * sizes.axes[axis].yz;
    rest /= size;
  }
  return found;
}

// Some drivers answer a number to exp and log of NaN, and compilers refuse a constant NaN.
fn areNotNumbers(x: vec4<f32>) -> vec4<bool> { return (bitcast<vec4<u32>>(x) & vec4<u32>(0x7fffffffu)) > vec4<u32>(0x7f800000u); }
fn exponential(x: vec4<f32>) -> vec4<f32> { return select(exp(x), x, areNotNumbers(x)); }
fn notNumber() -> f32 { return bitcast<f32>(sizes.batches | 0x7fc00000u); }

fn qAt(row: u32, c: u32) -> f32 {
  if (row < sizes.queries && c < sizes.d) { return f32(q[(batch * sizes.queries + row) * sizes.d + c]); }
  return 0.0;
}
fn kAt(row: u32, c: u32) -> f32 {
  if (row < sizes.keys && c < sizes.d) { return f32(k[(batch * sizes.keys + row) * sizes.d + c]); }
  return 0.0;
}
fn vAt(row: u32, c: u32) -> f32 {
  if (row < sizes.keys && c < sizes.e) { return f32(v[(batch * sizes.keys + row) * sizes.e + c]); }
  return 0.0;
}
fn dyAt(row: u32, c: u32) -> f32 {
  if (row < sizes.queries && c < sizes.e) { return f32(dy[(batch * sizes.queries + row) * sizes.e + c]); }
  return 0.0;
}

// product += left · right, 32 deep.
fn multiply() {
  for (var p = 0u; p < SIDE; p++) {
    let a = left[p * 8u + ty];
    let b = right[p * 8u + tx];
    product[0] = fma(vec4<f32>(a.x), b, product[0]);
    product[1] = fma(vec4<f32>(a.y), b, product[1]);
    product[2] = fma(vec4<f32>(a.z), b, product[2]);
    product[3] = fma(vec4<f32>(a.w), b, product[3]);
  }
}

fn clear() {
  for (var i = 0u; i < 4u; i++) { product[i] = vec4<f32>(0.0); }
}

// product = q kᵀ of 32 queries and 32 keys.
fn queriesByKeys(query: u32, key: u32) {
  clear();
  for (var c = 0u; c < sizes.d; c += SIDE) {
    workgroupBarrier();
    for (var n = 0u; n < 4u; n++) {
      let depth = (ty * 8u + tx) % SIDE;
      let four = (ty * 8u + tx) / SIDE + 2u * n;
      for (var i = 0u; i < 4u; i++) {
        left[depth * 8u + four][i] = qAt(query + four * 4u + i, c + depth);
        right[depth * 8u + four][i] = kAt(key + four * 4u + i, c + depth);
      }
    }
    workgroupBarrier();
    multiply();
  }
}

// product = dy vᵀ of 32 queries and 32 keys.
fn gradientsByValues(query: u32, key: u32) {
  clear();
  for (var c = 0u; c < sizes.e; c += SIDE) {
    workgroupBarrier();
    for (var n = 0u; n < 4u; n++) {
      let depth = (ty * 8u + tx) % SIDE;
      let four = (ty * 8u + tx) / SIDE + 2u * n;
      for (var i = 0u; i < 4u; i++) {
        left[depth * 8u + four][i] = dyAt(query + four * 4u + i, c + depth);
        right[depth * 8u + four][i] = vAt(key + four * 4u + i, c + depth);
      }
    }
    workgroupBarrier();
    multiply();
  }
}

// sum += row i of four of tile · right, 32 deep; the tile lies [depth][rows].
fn addTileProduct(sum: ptr<function, vec4<f32>>, i: u32) {
  for (var p = 0u; p < SIDE; p++) { *sum = fma(vec4<f32>(tile[p * 8u + ty][i]), right[p * 8u + tx], *sum); }
}

// The products of four keys with one query, as scores.
fn scoresOf(dots: vec4<f32>, query: u32, key: u32, matrices: vec2<u32>) -> vec4<f32> {
  var s = dots * sizes.scale;
  for (var j = 0u; j < 4u; j++) {
    if (query < sizes.queries && key + j < sizes.keys) {
      if (HAS_BIAS) { s[j] += f32(bias[(matrices.x * sizes.queries + query) * sizes.keys + key + j]); }
      if (HAS_MASK) { s[j] += f32(mask[(matrices.y * sizes.queries + query) * sizes.keys + key + j]); }
    }
  }
  return s;
}

@compute @workgroup_size(64)
fn forward(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, at: Invocation) {
  let blocks = (sizes.queries + SIDE - 1u) / SIDE;
  let item = min(group.y * groups.x + group.x, sizes.batches * blocks - 1u);
  begin(placeOf(at), item / blocks);
  let query = (item % blocks) * SIDE;
  let matrices = matricesOf(batch);
  var values: array<vec4<f32>, E_CHUNKS * 4>;
  var most = vec4<f32>(LOWEST); // of the four queries
  var total = vec4<f32>(0.0);
  for (var key = 0u; key < sizes.keys; key += SIDE) {
    queriesByKeys(query, key);
    var greatest = vec4<f32>(LOWEST);
    for (var i = 0u; i < 4u; i++) {
      product[i] = scoresOf(product[i], query + ty * 4u + i, key + tx * 4u, matrices);
      for (var j = 0u; j < 4u; j++) {
        if (key + tx * 4u + j < sizes.keys) { greatest[i] = max(greatest[i], product[i][j]); }
      }
    }
    let now = max(most, joinedMax(ty * 8u + tx, greatest));
    let shrink = exp(most - now);
    most = now;
    var sum = vec4<f32>(0.0);
    for (var j = 0u; j < 4u; j++) {
      var column = vec4<f32>(0.0);
      if (key + tx * 4u + j < sizes.keys) {
        column = exponential(vec4<f32>(product[0][j], product[1][j], product[2][j], product[3][j]) - now);
      }
      sum += column;
      tile[(tx * 4u + j) * 8u + ty] = column;
    }
    total = total * shrink + joinedSum(ty * 8u + tx, sum);
    for (var chunk = 0u; chunk < E_CHUNKS; chunk++) {
      workgroupBarrier();
      for (var n = 0u; n < 4u; n++) {
        for (var j = 0u; j < 4u; j++) { right[(ty + 8u * n) * 8u + tx][j] = vAt(key + ty + 8u * n, chunk * SIDE + tx * 4u + j); }
      }
      workgroupBarrier();
      for (var i = 0u; i < 4u; i++) {
        var value = values[chunk * 4u + i] * shrink[i];
        addTileProduct(&value, i);
        values[chunk * 4u + i] = value;
      }
    }
  }
  let logarithms = select(most + log(total), total, areNotNumbers(total));
  for (var i = 0u; i < 4u; i++) {
    let row = query + ty * 4u + i;
    if (row >= sizes.queries) { continue; }
    // A query that sees no key has no softmax.
    let inverse = select(1.0 / total[i], notNumber(), total[i] == 0.0);
    for (var chunk = 0u; chunk < E_CHUNKS; chunk++) {
      for (var j = 0u; j < 4u; j++) {
        let c = chunk * SIDE + tx * 4u + j;
        if (c < sizes.e) { made[(batch * sizes.queries + row) * sizes.e + c] = MADE(values[chunk * 4u + i][j] * inverse); }
      }
    }
    if (tx == 0u) { sums[batch * sizes.queries + row] = logarithms[i]; }
  }
}

// Probabilities of 32 queries and 32 keys, into product; 0 outside.
fn probabilities(query: u32, key: u32, matrices: vec2<u32>) {
  queriesByKeys(query, key);
  for (var i = 0u; i < 4u; i++) {
    let row = query + ty * 4u + i;
    var p = vec4<f32>(0.0);
    if (row < sizes.queries) { p = exponential(scoresOf(product[i], row, key + tx * 4u, matrices) - rows[batch * sizes.queries + row].x); }
    for (var j = 0u; j < 4u; j++) {
      if (key + tx * 4u + j >= sizes.keys) { p[j] = 0.0; }
    }
    product[i] = p;
  }
}

// Gradients of the scores of 32 queries and 32 keys, into product; 0 outside.
fn scoreGradients(query: u32, key: u32, matrices: vec2<u32>) {
  probabilities(query, key, matrices);
  let p = product;
  gradientsByValues(query, key);
  for (var i = 0u; i < 4u; i++) {
    let row = query + ty * 4u + i;
    var ds = vec4<f32>(0.0);
    if (row < sizes.queries) { ds = p[i] * (product[i] - rows[batch * sizes.queries + row].y); }
    for (var j = 0u; j < 4u; j++) {
      if (key + tx * 4u + j >= sizes.keys) { ds[j] = 0.0; }
    }
    product[i] = ds;
  }
}

@compute @workgroup_size(64)
fn query_gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, at: Invocation) {
  let blocks = (sizes.queries + SIDE - 1u) / SIDE;
  let item = min(group.y * groups.x + group.x, sizes.batches * blocks - 1u);
  begin(placeOf(at), item / blocks);
  let query = (item % blocks) * SIDE;
  let matrices = matricesOf(batch);
  var values: array<vec4<f32>, D_CHUNKS * 4>;
  for (var key = 0u; key < sizes.keys; key += SIDE) {
    scoreGradients(query, key, matrices);
    for (var j = 0u; j < 4u; j++) {
      tile[(tx * 4u + j) * 8u + ty] = vec4<f32>(product[0][j], product[1][j], product[2][j], product[3][j]);
    }
    for (var chunk = 0u; chunk < D_CHUNKS; chunk++) {
      workgroupBarrier();
      for (var n = 0u; n < 4u; n++) {
        for (var j = 0u; j < 4u; j++) { right[(ty + 8u * n) * 8u + tx][j] = kAt(key + ty + 8u * n, chunk * SIDE + tx * 4u + j); }
      }
      workgroupBarrier();
      for (var i = 0u; i < 4u; i++) {
        var value = values[chunk * 4u + i];
        addTileProduct(&value, i);
        values[chunk * 4u + i] = value;
      }
    }
  }
  for (var i = 0u; i < 4u; i++) {
    let row = query + ty * 4u + i;
    if (row >= sizes.queries) { continue; }
    for (var chunk = 0u; chunk < D_CHUNKS; chunk++) {
      for (var j = 0u; j < 4u; j++) {
        let c = chunk * SIDE + tx * 4u + j;
        if (c < sizes.d) { made[(batch * sizes.queries + row) * sizes.d + c] = MADE(values[chunk * 4u + i][j] * sizes.scale); }
      }
    }
  }
}

@compute @workgroup_size(64)
fn key_gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, at: Invocation) {
  let blocks = (sizes.keys + SIDE - 1u) / SIDE;
  let item = min(group.y * groups.x + group.x, sizes.batches * blocks - 1u);
  begin(placeOf(at), item / blocks);
  let key = (item % blocks) * SIDE;
  let matrices = matricesOf(batch);
  var values: array<vec4<f32>, D_CHUNKS * 4>;
  for (var query = 0u; query < sizes.queries; query += SIDE) {
    scoreGradients(query, key, matrices);
    for (var i = 0u; i < 4u; i++) { tile[(ty * 4u + i) * 8u + tx] = product[i]; }
    for (var chunk = 0u; chunk < D_CHUNKS; chunk++) {
      workgroupBarrier();
      for (var n = 0u; n < 4u; n++) {
        for (var j = 0u; j < 4u; j++) { right[(ty + 8u * n) * 8u + tx][j] = qAt(query + ty + 8u * n, chunk * SIDE + tx * 4u + j); }
      }
      workgroupBarrier();
      for (var i = 0u; i < 4u; i++) {
        var value = values[chunk * 4u + i];
        addTileProduct(&value, i);
        values[chunk * 4u + i] = value;
      }
    }
  }
  for (var i = 0u; i < 4u; i++) {
    let row = key + ty * 4u + i;
    if (row >= sizes.keys) { continue; }
    for (var chunk = 0u; chunk < D_CHUNKS; chunk++) {
      for (var j = 0u; j < 4u; j++) {
        let c = chunk * SIDE + tx * 4u + j;
        if (c < sizes.d) { made[(batch * sizes.keys + row) * sizes.d + c] = MADE(values[chunk * 4u + i][j] * sizes.scale); }
      }
    }
  }
}

@compute @workgroup_size(64)
fn value_gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, at: Invocation) {
  let blocks = (sizes.keys + SIDE - 1u) / SIDE;
  let item = min(group.y * groups.x + group.x, sizes.batches * blocks - 1u);
  begin(placeOf(at), item / blocks);
  let key = (item % blocks) * SIDE;
  let matrices = matricesOf(batch);
  var values: array<vec4<f32>, E_CHUNKS * 4>;
  for (var query = 0u; query < sizes.queries; query += SIDE) {
    probabilities(query, key, matrices);
    for (var i = 0u; i < 4u; i++) { tile[(ty * 4u + i) * 8u + tx] = product[i]; }
    for (var chunk = 0u; chunk < E_CHUNKS; chunk++) {
      workgroupBarrier();
      for (var n = 0u; n < 4u; n++) {
        for (var j = 0u; j < 4u; j++) { right[(ty + 8u * n) * 8u + tx][j] = dyAt(query + ty + 8u * n, chunk * SIDE + tx * 4u + j); }
      }
      workgroupBarrier();
      for (var i = 0u; i < 4u; i++) {
        var value = values[chunk * 4u + i];
        addTileProduct(&value, i);
        values[chunk * 4u + i] = value;
      }
    }
  }
  for (var i = 0u; i < 4u; i++) {
    let row = key + ty * 4u + i;
    if (row >= sizes.keys) { continue; }
    for (var chunk = 0u; chunk < E_CHUNKS; chunk++) {
      for (var j = 0u; j < 4u; j++) {
        let c = chunk * SIDE + tx * 4u + j;
        if (c < sizes.e) { made[(batch * sizes.keys + row) * sizes.e + c] = MADE(values[chunk * 4u + i][j]); }
      }
    }
  }
}

@compute @workgroup_size(64)
fn bias_gradient(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, at: Invocation) {
  let queryBlocks = (sizes.queries + SIDE - 1u) / SIDE;
  let keyBlocks = (sizes.keys + SIDE - 1u) / SIDE;
  let item = min(group.y * groups.x + group.x, sizes.matrices * queryBlocks * keyBlocks - 1u);
  let matrix = item / (queryBlocks * keyBlocks);
  let query = ((item / keyBlocks) % queryBlocks) * SIDE;
  let key = (item % keyBlocks) * SIDE;
  let place = placeOf(at);
  var values: array<vec4<f32>, 4>;
  for (var index = 0u; index < sizes.batches; index++) {
    let matrices = matricesOf(index);
    if (matrices.x != matrix) { continue; }
    begin(place, index);
    scoreGradients(query, key, matrices);
    for (var i = 0u; i < 4u; i++) { values[i] += product[i]; }
  }
  for (var i = 0u; i < 4u; i++) {
    let row = query + place / 8u * 4u + i;
    for (var j = 0u; j < 4u; j++) {
      let column = key + place % 8u * 4u + j;
      if (row < sizes.queries && column < sizes.keys) { made[(matrix * sizes.queries + row) * sizes.keys + column] = MADE(values[i][j]); }
    }
  }
}
