/** A 2D affine map: x' = a x + c y + e, y' = b x + d y + f. */
export interface Matrix { a: number; b: number; c: number; d: number; e: number; f: number }
export interface Point { x: number; y: number }

export function multiply(m: Matrix, n: Matrix): Matrix {
  return {
    a: m.a * n.a + m.c * n.b, b: m.b * n.a + m.d * n.b,
    c: m.a * n.c + m.c * n.d, d: m.b * n.c + m.d * n.d,
    e: m.a * n.e + m.c * n.f + m.e, f: m.b * n.e + m.d * n.f + m.f,
  };
}

export function invert(m: Matrix): Matrix {
  const det = m.a * m.d - m.b * m.c;
  return {
    a: m.d / det, b: -m.b / det, c: -m.c / det, d: m.a / det,
    e: (m.c * m.f - m.d * m.e) / det, f: (m.b * m.e - m.a * m.f) / det,
  };
}

export function apply(m: Matrix, p: Point): Point {
  return { x: m.a * p.x + m.c * p.y + m.e, y: m.b * p.x + m.d * p.y + m.f };
}

/** How the reader looks at an image. zoom 0 means "fit". */
export interface View {
  zoom: number; // css pixels per image column, 0: fit
  panX: number; panY: number; // css pixels
  turns: number; // quarter turns clockwise, 0..3
  flipH: boolean; flipV: boolean;
}

export const straight: View = { zoom: 0, panX: 0, panY: 0, turns: 0, flipH: false, flipV: false };

export interface Frame { columns: number; rows: number; aspect: number } // aspect: height of a pixel by its width

export function fitZoom(f: Frame, v: View, width: number, height: number): number {
  const w = f.columns, h = f.rows * f.aspect;
  const [tw, th] = v.turns % 2 ? [h, w] : [w, h];
  return Math.min(width / tw, height / th);
}

/** The one map from image pixels to css pixels: shader, marks and mouse all use it. */
export function imageToCSS(f: Frame, v: View, width: number, height: number): Matrix {
  const z = v.zoom || fitZoom(f, v, width, height);
  let m: Matrix = { a: 1, b: 0, c: 0, d: 1, e: width / 2 + v.panX, f: height / 2 + v.panY };
  // Flips act on the screen: "flip horizontally" mirrors what the reader sees.
  m = multiply(m, { a: v.flipH ? -1 : 1, b: 0, c: 0, d: v.flipV ? -1 : 1, e: 0, f: 0 });
  const [cos, sin] = [[1, 0], [0, 1], [-1, 0], [0, -1]][v.turns & 3] as [number, number];
  m = multiply(m, { a: cos, b: sin, c: -sin, d: cos, e: 0, f: 0 });
  m = multiply(m, { a: z, b: 0, c: 0, d: z * f.aspect, e: 0, f: 0 });
  return multiply(m, { a: 1, b: 0, c: 0, d: 1, e: -f.columns / 2, f: -f.rows / 2 });
}

/** Zoom by a factor so that the point under the pointer stays where it is. */
export function zoomAt(f: Frame, v: View, width: number, height: number, at: Point, factor: number): View {
  const now = v.zoom || fitZoom(f, v, width, height);
  const zoom = Math.min(64, Math.max(fitZoom(f, v, width, height) / 4, now * factor));
  const k = zoom / now;
  const cx = width / 2, cy = height / 2;
  return { ...v, zoom, panX: (v.panX + cx - at.x) * k + at.x - cx, panY: (v.panY + cy - at.y) * k + at.y - cy };
}

const opposite: Record<string, string> = { L: 'R', R: 'L', A: 'P', P: 'A', H: 'F', F: 'H' };

export function turnRound(letters: string): string {
  return [...letters].map((c) => opposite[c] ?? c).join('');
}

/** Letters at the edges of the viewport: right, bottom, left, top. */
export function edgeLetters(orientation: [string, string] | undefined, v: View): [string, string, string, string] | null {
  if (!orientation) return null;
  const [right, bottom] = orientation;
  const round = [right, bottom, turnRound(right), turnRound(bottom)]; // clockwise from the right edge
  let out = [0, 1, 2, 3].map((i) => round[(i - v.turns + 8) % 4] as string) as [string, string, string, string];
  if (v.flipH) out = [out[2], out[1], out[0], out[3]];
  if (v.flipV) out = [out[0], out[3], out[2], out[1]];
  return out;
}
