import type { Slot } from './frames';
import type { Point } from './geometry';
import { angleOf, areaOf, type Measure } from './measures';
import type { Measurement, Region, ReportFinding } from './types';

/** outlineOf gives a region of a report as a line in image pixels (PS3.3 C.18.6.1.2). */
export function outlineOf({ graphic, points: p }: Region): Point[] {
  const q: Point[] = [];
  for (let i = 0; i + 1 < p.length; i += 2) q.push({ x: p[i] as number, y: p[i + 1] as number });
  const round = (c: Point, u: Point, v: Point): Point[] => Array.from({ length: 48 }, (_, i) => { const w = i * Math.PI / 24; return { x: c.x + u.x * Math.cos(w) + v.x * Math.sin(w), y: c.y + u.y * Math.cos(w) + v.y * Math.sin(w) }; });
  const [a, b, , d] = q as [Point, Point, Point, Point];
  if (graphic === 'CIRCLE' && b) { const r = Math.hypot(b.x - a.x, b.y - a.y); return round(a, { x: r, y: 0 }, { x: 0, y: r }); }
  if (graphic === 'ELLIPSE' && d) { const m = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }; return round(m, { x: b.x - m.x, y: b.y - m.y }, { x: d.x - m.x, y: d.y - m.y }); }
  if (graphic === 'POINT' && a) return round(a, { x: 6, y: 0 }, { x: 0, y: 6 });
  return q;
}

/** within: a point lies inside a closed line (even–odd rule). */
export function within(line: Point[], { x, y }: Point): boolean {
  return line.reduce((odd, p, i) => { const q = line[(i + 1) % line.length] as Point; return (p.y <= y) !== (q.y <= y) && x < p.x + (y - p.y) / (q.y - p.y) * (q.x - p.x) ? !odd : odd; }, false);
}

/** regionIn is the place of a finding: the reader's, else the box of a detector. */
export const regionIn = (f: ReportFinding): Region | undefined => f.reading ? f.reading.region : f.finding.region;

/** regionOf makes of a mark what a report holds: the region and what was measured there. */
export function regionOf(m: Measure, slot: Slot | undefined): { region: Region; measurement?: Measurement } {
  const [a, b] = m.points as [Point, Point], flat = (p: Point[]): number[] => p.flatMap((q) => [q.x, q.y]);
  const [rows, columns] = slot?.desc.pixel_spacing ?? [0, 0], mm = rows > 0 && columns > 0, [kx, ky] = mm ? [columns, rows] : [1, 1];
  const round = (x: number): number => Math.round(x * 100) / 100;
  switch (m.kind) {
    case 'probe': return { region: { graphic: 'POINT', points: flat([a]) } };
    case 'arrow': return { region: { graphic: 'POINT', points: flat([b]) } };
    case 'length': return { region: { graphic: 'POLYLINE', points: flat([a, b]) }, measurement: { name: 'length', value: round(Math.hypot((b.x - a.x) * kx, (b.y - a.y) * ky)), unit: mm ? 'mm' : '{pixels}' } };
    case 'angle': case 'cobb': { const bend = angleOf(m, slot); return { region: { graphic: 'POLYLINE', points: flat(m.points) }, ...(bend === undefined ? {} : { measurement: { name: 'angle', value: round(bend), unit: 'deg' } }) }; }
  }
  const measurement = { name: 'area', value: round(areaOf(m) * kx * ky), unit: mm ? 'mm2' : '{pixels}' };
  if (m.kind === 'ellipse') {
    const c = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }, wide = Math.abs(b.x - a.x) >= Math.abs(b.y - a.y);
    const across = [{ x: Math.min(a.x, b.x), y: c.y }, { x: Math.max(a.x, b.x), y: c.y }], down = [{ x: c.x, y: Math.min(a.y, b.y) }, { x: c.x, y: Math.max(a.y, b.y) }];
    return { region: { graphic: 'ELLIPSE', points: flat(wide ? [...across, ...down] : [...down, ...across]) }, measurement };
  }
  const line = m.kind === 'rectangle' ? [a, { x: b.x, y: a.y }, b, { x: a.x, y: b.y }] : m.points;
  return { region: { graphic: 'POLYLINE', points: flat([...line, line[0] as Point]) }, measurement };
}
