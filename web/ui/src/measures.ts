import type { Slot } from './frames';
import type { Point } from './geometry';
import { t } from './i18n';
import { modality, type Samples } from './tone';

export type Mark = 'length' | 'angle' | 'cobb' | 'ellipse' | 'rectangle' | 'freehand' | 'arrow' | 'probe';

/** A measurement in image pixels; it belongs to one slot. */
export interface Measure { slot: number; kind: Mark; points: Point[]; text?: string }

/** How many points complete a mark; a freehand line ends when the pointer is lifted. */
export const pointsOf: Record<Mark, number> = { length: 2, angle: 3, cobb: 4, ellipse: 2, rectangle: 2, freehand: Infinity, arrow: 2, probe: 1 };

export const areas: Mark[] = ['ellipse', 'rectangle', 'freehand'];

/** describe says what a measurement measured; millimetres only where the spacing is known. */
export function describe(m: Measure, slot: Slot | undefined, s: Samples | undefined): string {
  const d = slot?.desc, [a, b] = m.points as [Point, Point];
  if (!d || !a) return '';
  const [rows, columns] = d.pixel_spacing ?? [0, 0], mm = rows > 0 && columns > 0, unit = d.units ? ' ' + d.units : '';
  const [kx, ky] = mm ? [columns, rows] : d.pixel_aspect ? [d.pixel_aspect[1], d.pixel_aspect[0]] : [1, 1];
  const way = (p: Point, q: Point): Point => ({ x: (q.x - p.x) * kx, y: (q.y - p.y) * ky }), bend = angleOf(m, slot);
  switch (m.kind) {
    case 'length': { const w = way(a, b); return mm ? `${Math.hypot(w.x, w.y).toFixed(1)} mm` : `${Math.hypot(b.x - a.x, b.y - a.y).toFixed(0)} px`; }
    case 'angle': return bend === undefined ? '' : `${bend.toFixed(1)}°`;
    case 'cobb': return bend === undefined ? '' : `Cobb ${bend.toFixed(1)}°`;
    case 'arrow': return m.text ?? '';
    case 'probe': return s && d.samples === 1 && inside(d, a) ? `${+modality(d, s[Math.floor(a.y) * d.columns + Math.floor(a.x)] as number).toFixed(2)}${unit}` : '';
  }
  const size = areaOf(m), area = mm ? `${(size * kx * ky / 100).toFixed(2)} cm²` : `${size.toFixed(0)} px²`;
  if (!s || d.samples === 3 || d.palette && !d.palette.supplemental) return area;
  const x = statistics(m, d, s);
  return x ? `${t('mean')} ${x.mean.toFixed(1)}${unit} · SD ${x.sd.toFixed(1)} · ${x.low.toFixed(0)}…${x.high.toFixed(0)} · ${area}` : area;
}

/** angleOf is the angle of a mark in degrees, by the shape of the pixels; undefined while it is drawn. */
export function angleOf({ kind, points: [a, b, c, e] }: Measure, slot: Slot | undefined): number | undefined {
  const [ky, kx] = slot?.desc.pixel_spacing ?? slot?.desc.pixel_aspect ?? [1, 1];
  const way = (p: Point, q: Point): Point => ({ x: (q.x - p.x) * kx, y: (q.y - p.y) * ky });
  const degrees = (p: Point, q: Point): number => Math.abs(Math.atan2(p.x * q.y - p.y * q.x, p.x * q.x + p.y * q.y)) * 180 / Math.PI;
  if (!a || !b || !c || kind !== 'angle' && (kind !== 'cobb' || !e)) return undefined;
  const x = kind === 'angle' ? degrees(way(b, a), way(b, c)) : degrees(way(a, b), way(c, e as Point));
  return kind === 'cobb' ? Math.min(x, 180 - x) : x;
}

function inside(d: Slot['desc'], p: Point): boolean { return p.x >= 0 && p.y >= 0 && p.x < d.columns && p.y < d.rows; }

/** areaOf is the area of a closed shape in square pixels. */
export function areaOf({ kind, points: p }: Measure): number {
  const [a, b] = p as [Point, Point];
  if (kind !== 'freehand') return Math.abs((b.x - a.x) * (b.y - a.y)) * (kind === 'ellipse' ? Math.PI / 4 : 1);
  return Math.abs(p.reduce((sum, q, i) => { const n = p[(i + 1) % p.length] as Point; return sum + q.x * n.y - n.x * q.y; }, 0)) / 2;
}

/** spans gives the columns of a row whose pixel centres lie inside the shape, as pairs from–to (to not included). */
function spans({ kind, points: p }: Measure, y: number): number[] {
  const [a, b] = p as [Point, Point], cy = y + 0.5;
  const whole = (lo: number, hi: number): number[] => [Math.ceil(lo - 0.5), Math.ceil(hi - 0.5)];
  if (kind === 'freehand') { // even–odd rule
    const cuts: number[] = [];
    p.forEach((q, i) => { const n = p[(i + 1) % p.length] as Point; if ((q.y <= cy) !== (n.y <= cy)) cuts.push(q.x + (cy - q.y) / (n.y - q.y) * (n.x - q.x)); });
    cuts.sort((m, n) => m - n);
    return cuts.flatMap((x, i) => (i % 2 && cuts.length % 2 === 0 ? whole(cuts[i - 1] as number, x) : []));
  }
  const lo = Math.min(a.x, b.x), hi = Math.max(a.x, b.x), ry = Math.abs(b.y - a.y) / 2, dy = cy - (a.y + b.y) / 2;
  if (Math.abs(dy) > ry) return [];
  if (kind === 'rectangle') return whole(lo, hi);
  const half = (hi - lo) / 2 * Math.sqrt(1 - (dy / ry) ** 2), mid = (lo + hi) / 2;
  return whole(mid - half, mid + half);
}

export function statistics(m: Measure, d: Slot['desc'], s: Samples): { n: number; mean: number; sd: number; low: number; high: number } | null {
  const ys = m.points.map((p) => p.y);
  let n = 0, sum = 0, squares = 0, low = Infinity, high = -Infinity;
  for (let y = Math.max(0, Math.floor(Math.min(...ys))); y < Math.min(d.rows, Math.max(...ys) + 1); y++) {
    const edges = spans(m, y);
    for (let k = 0; k < edges.length; k += 2) for (let x = Math.max(0, edges[k] as number); x < Math.min(d.columns, edges[k + 1] as number); x++) {
      const v = modality(d, s[y * d.columns + x] as number);
      n++; sum += v; squares += v * v; low = Math.min(low, v); high = Math.max(high, v);
    }
  }
  if (n === 0) return null;
  const mean = sum / n;
  return { n, mean, sd: Math.sqrt(Math.max(0, squares / n - mean * mean)), low, high };
}
