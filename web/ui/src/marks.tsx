import type { Point } from './geometry';
import { areas, type Measure } from './measures';
import { crossing } from './planes';
import type { Viewport } from './viewport';

/** Measurements drawn over the image, double stroke so that they show on black and on white; and the line of the viewport that leads. */
export function Marks({ vp, draft, boxes }: { vp: Viewport; draft: Measure | null; boxes: Box[] }) {
  const all = vp.measures.filter((m) => m.slot === vp.index);
  const list = draft && draft.slot === vp.index ? [...all, draft] : all;
  const f = vp.frame(), here = vp.current?.plane, line = f && here && vp.reference && crossing(vp.reference, here, f);
  return (
    <svg class="marks" aria-hidden="true">
      {line && <path class="reference" d={path(line.map((p) => vp.toCSS(p)))} />}
      {boxes.map((b, i) => <Region key={i} vp={vp} b={b} />)}
      {list.map((m, i) => <Mark key={i} vp={vp} m={m} />)}
    </svg>
  );
}

/** A region of a finding: a closed line in image pixels. */
export interface Box { points: Point[]; name: string; on: boolean }

function Region({ vp, b }: { vp: Viewport; b: Box }) {
  const p = b.points.map((q) => vp.toCSS(q)), top = p.reduce((m, q) => (q.y < m.y ? q : m), p[0] as Point), d = path(p) + 'Z';
  return <g class={b.on ? 'region on' : 'region'}><path d={d} class="under" /><path d={d} class="over" /><text x={top.x} y={top.y - 6}>{b.name}</text></g>;
}

const path = (p: Point[]): string => 'M' + p.map((q) => `${q.x} ${q.y}`).join('L');
const cross = (p: Point, n: number): string => `M${p.x - n} ${p.y}h${2 * n}M${p.x} ${p.y - n}v${2 * n}`;

function Mark({ vp, m }: { vp: Viewport; m: Measure }) {
  const p = m.points.map((q) => vp.toCSS(q)), [a, b] = p as [Point, Point];
  const label = m.kind === 'arrow' ? a : areas.includes(m.kind) ? { x: Math.max(...p.map((q) => q.x)), y: p.reduce((s, q) => s + q.y, 0) / p.length } : p.reduce((x, q) => (q.x > x.x ? q : x));
  const text = vp.describe(m);
  return <g data-mark={m.kind}><path d={shape(m, p, a, b)} class="under" /><path d={shape(m, p, a, b)} class="over" />{text && <text x={label.x + 8} y={label.y + 4}>{text}</text>}</g>;
}

function shape(m: Measure, p: Point[], a: Point, b: Point): string {
  switch (m.kind) {
    case 'probe': return cross(a, 7);
    case 'length': return path(p) + cross(a, 4) + cross(b, 4);
    case 'cobb': return path(p.slice(0, 2)) + (p.length > 2 ? path(p.slice(2)) : '');
    case 'freehand': return path(p) + 'Z';
    case 'rectangle': return path([a, { x: b.x, y: a.y }, b, { x: a.x, y: b.y }]) + 'Z';
    case 'ellipse': { const rx = Math.abs(b.x - a.x) / 2, ry = Math.abs(b.y - a.y) / 2; return `M${(a.x + b.x) / 2 - rx} ${(a.y + b.y) / 2}a${rx} ${ry} 0 1 0 ${2 * rx} 0a${rx} ${ry} 0 1 0 ${-2 * rx} 0`; }
    case 'arrow': { // from its words to what they are about
      const w = Math.atan2(b.y - a.y, b.x - a.x), tip = (d: number): string => `M${b.x} ${b.y}L${b.x - 11 * Math.cos(w + d)} ${b.y - 11 * Math.sin(w + d)}`;
      return path(p) + tip(0.45) + tip(-0.45);
    }
    default: return path(p);
  }
}
