import type { Frame, Point } from './geometry';

export type Vec = [number, number, number];

/** Where an image lies in the patient (PS3.3 C.7.6.2): the centre of its first pixel, the directions of its rows and columns. */
export interface Plane { at: Vec; row: Vec; column: Vec; spacing: [number, number]; space: string } // spacing: between rows, between columns; space: frame of reference

export const dot = (a: Vec, b: Vec): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const minus = (a: Vec, b: Vec): Vec => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
export const along = (a: Vec, d: Vec, by: number): Vec => [a[0] + d[0] * by, a[1] + d[1] * by, a[2] + d[2] * by];
export function normal({ row: r, column: c }: Plane): Vec {
  return [r[1] * c[2] - r[2] * c[1], r[2] * c[0] - r[0] * c[2], r[0] * c[1] - r[1] * c[0]];
}

export const parallel = (a: Plane, b: Plane): boolean => Math.abs(dot(normal(a), normal(b))) > 0.99;

/** crossing is the line in which plane a cuts the image of plane b, in pixels of b; null where it does not. */
export function crossing(a: Plane, b: Plane, f: Frame): [Point, Point] | null {
  if (a.space !== b.space || parallel(a, b)) return null;
  const n = normal(a), u = dot(n, b.row) * b.spacing[1], v = dot(n, b.column) * b.spacing[0];
  const w = dot(n, minus(b.at, a.at)) - (u + v) / 2; // pixel centres lie half a pixel inside
  const ends: Point[] = [];
  const add = (x: number, y: number): void => {
    if (x >= -1e-6 && y >= -1e-6 && x <= f.columns + 1e-6 && y <= f.rows + 1e-6 && !ends.some((p) => Math.hypot(p.x - x, p.y - y) < 1e-3)) ends.push({ x, y });
  };
  if (Math.abs(v) > 1e-9) for (const x of [0, f.columns]) add(x, -(w + u * x) / v);
  if (Math.abs(u) > 1e-9) for (const y of [0, f.rows]) add(-(w + v * y) / u, y);
  return ends.length >= 2 ? [ends[0] as Point, ends[1] as Point] : null;
}

/** axisOf names the patient axis a direction is nearest to: 0 left–right, 1 front–back, 2 feet–head. */
export function axisOf(d: Vec): number {
  const size = d.map(Math.abs) as Vec;
  return size[0] >= size[1] && size[0] >= size[2] ? 0 : size[1] >= size[2] ? 1 : 2;
}

/** lettersOf names a direction in the patient, the strongest axis first (PS3.3 C.7.6.2.1.1). */
export function lettersOf(d: Vec): string {
  return [0, 1, 2].filter((i) => Math.abs(d[i] as number) >= 0.1).sort((i, j) => Math.abs(d[j] as number) - Math.abs(d[i] as number))
    .map((i) => (['LR', 'PA', 'HF'][i] as string)[(d[i] as number) < 0 ? 1 : 0]).join('');
}
