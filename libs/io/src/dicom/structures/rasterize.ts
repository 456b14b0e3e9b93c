/** Polygons to pixels: a pixel belongs to a shape when its center lies inside, or on the outline. */

/** A closed polygon in pixel units; pixel centers are whole numbers. x, y alternate. */
export type Polygon = Float64Array;

/** Distance in pixels below which a center counts as on an outline: decimal strings in files are no more exact than this. */
const ON_OUTLINE = 1e-4;

/**
 * Fills the exclusive-or of some polygons (an inner one is a hole) and calls `set` with each pixel y × columns + x, once.
 * Pixels whose center an outline runs through belong to the shape: outlines traced along pixel centers include them. An edge that is
 * passed there and back is no outline: it joins a hole, or another part of the shape, to the rest (a keyhole).
 */
export function fillPolygons(
  polygons: readonly Polygon[],
  { rows, columns }: { readonly rows: number; readonly columns: number },
  set: (pixel: number) => void,
): void {
  let top = Infinity;
  let bottom = -Infinity;
  for (const p of polygons)
    for (let i = 1; i < p.length; i += 2) {
      top = Math.min(top, p[i]!);
      bottom = Math.max(bottom, p[i]!);
    }
  const firstRow = Math.max(0, Math.ceil(top - ON_OUTLINE));
  const lastRow = Math.min(rows - 1, Math.floor(bottom + ON_OUTLINE));
  const line = new Uint8Array(columns);
  const edges = outlineEdges(polygons);
  for (let y = firstRow; y <= lastRow; y++) {
    line.fill(0);
    interior(polygons, y, line);
    outline(edges, y, line);
    for (let x = 0; x < columns; x++) if (line[x] !== 0) set(y * columns + x);
  }
}

function interior(polygons: readonly Polygon[], y: number, line: Uint8Array): void {
  const crossings: number[] = [];
  for (const p of polygons) {
    const n = p.length;
    for (let i = 0, j = n - 2; i < n; j = i, i += 2) {
      const y0 = p[j + 1]!;
      const y1 = p[i + 1]!;
      // Half-open in y, so that a vertex on the line counts once.
      if (y0 <= y === y1 <= y) continue;
      crossings.push(p[j]! + ((y - y0) / (y1 - y0)) * (p[i]! - p[j]!));
    }
  }
  crossings.sort((a, b) => a - b);
  for (let c = 0; c + 1 < crossings.length; c += 2) {
    const from = Math.max(0, Math.ceil(crossings[c]!));
    const to = Math.min(line.length - 1, Math.ceil(crossings[c + 1]!) - 1);
    for (let x = from; x <= to; x++) line[x] = 1;
  }
}

type Edge = readonly [x0: number, y0: number, x1: number, y1: number];

/** All edges but those that another edge takes back. */
function outlineEdges(polygons: readonly Polygon[]): Edge[] {
  const open = new Map<string, Edge[]>();
  for (const p of polygons) {
    const n = p.length;
    for (let i = 0, j = n - 2; i < n; j = i, i += 2) {
      const edge: Edge = [p[j]!, p[j + 1]!, p[i]!, p[i + 1]!];
      const back = open.get(`${edge[2]} ${edge[3]} ${edge[0]} ${edge[1]}`);
      if (back !== undefined && back.length > 0) back.pop();
      else {
        const key = edge.join(' ');
        open.set(key, [...(open.get(key) ?? []), edge]);
      }
    }
  }
  return [...open.values()].flat();
}

function outline(edges: readonly Edge[], y: number, line: Uint8Array): void {
  const mark = (x: number): void => {
    const near = Math.round(x);
    if (near >= 0 && near < line.length && Math.abs(x - near) <= ON_OUTLINE) line[near] = 1;
  };
  for (const [x0, y0, x1, y1] of edges) {
    if (Math.min(y0, y1) > y + ON_OUTLINE || Math.max(y0, y1) < y - ON_OUTLINE) continue;
    if (Math.abs(y1 - y0) <= ON_OUTLINE) {
      const from = Math.max(0, Math.ceil(Math.min(x0, x1) - ON_OUTLINE));
      const to = Math.min(line.length - 1, Math.floor(Math.max(x0, x1) + ON_OUTLINE));
      for (let x = from; x <= to; x++) line[x] = 1;
    } else mark(x0 + ((y - y0) / (y1 - y0)) * (x1 - x0));
  }
}
