import type { Measure, Viewport } from './viewport';

/** Measurements drawn over the image, double stroke so that they show on black and on white. */
export function Marks({ vp, draft }: { vp: Viewport; draft: Measure | null }) {
  const all = vp.measures.filter((m) => m.slot === vp.index);
  const list = draft ? [...all, draft] : all;
  return <svg class="marks" aria-hidden="true">{list.map((m, i) => <Mark key={i} vp={vp} m={m} />)}</svg>;
}

function Mark({ vp, m }: { vp: Viewport; m: Measure }) {
  const a = vp.toCSS(m.a), b = vp.toCSS(m.b), label = { x: Math.max(a.x, b.x) + 8, y: (a.y + b.y) / 2 };
  const shape = m.kind === 'length' ? `M${a.x} ${a.y}L${b.x} ${b.y}M${a.x - 4} ${a.y}h8M${b.x - 4} ${b.y}h8M${a.x} ${a.y - 4}v8M${b.x} ${b.y - 4}v8`
    : m.kind === 'probe' ? `M${a.x - 7} ${a.y}h14M${a.x} ${a.y - 7}v14` : ellipse(a.x, a.y, b.x, b.y);
  return <g><path d={shape} class="under" /><path d={shape} class="over" /><text x={label.x} y={label.y}>{vp.describe(m)}</text></g>;
}

function ellipse(ax: number, ay: number, bx: number, by: number): string {
  const rx = Math.abs(bx - ax) / 2, ry = Math.abs(by - ay) / 2, cx = (ax + bx) / 2, cy = (ay + by) / 2;
  return `M${cx - rx} ${cy}a${rx} ${ry} 0 1 0 ${2 * rx} 0a${rx} ${ry} 0 1 0 ${-2 * rx} 0`;
}
