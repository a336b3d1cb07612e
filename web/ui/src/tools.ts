import { useEffect, useRef, useState } from 'preact/hooks';
import type { Point } from './geometry';
import { pointsOf, type Mark, type Measure } from './measures';
import type { Tool, Viewport } from './viewport';

const isMark = (tool: string): tool is Mark => tool in pointsOf;

/** Turns pointers and wheel into acts on the viewport. The draft is a mark that is being drawn. */
export function useTools(host: { current: HTMLElement | null }, vp: { current: Viewport | null }, onProbe: (text: string) => void): { draft: Measure | null } {
  const [draft, setDraft] = useState<Measure | null>(null);
  const live = useRef<Measure | null>(null);
  useEffect(() => {
    const el = host.current;
    if (!el) return;
    const pointers = new Map<number, Point>();
    let mode: Tool | 'region' = 'window', start: Point = { x: 0, y: 0 }, wheel = 0, far = false;
    const at = (e: MouseEvent): Point => { const r = el.getBoundingClientRect(); return { x: e.clientX - r.left, y: e.clientY - r.top }; };
    const update = (m: Measure | null): void => { live.current = m; setDraft(m); };
    const begin = (v: Viewport, kind: Mark, p: Point): void => {
      const m = live.current, pending = m && m.kind === kind && m.slot === v.index && m.points.length < pointsOf[kind];
      if (pending) update({ ...m, points: [...m.points, ...(kind === 'cobb' ? [p, p] : [p])] }); // the second line, the second arm
      else update({ slot: v.index, kind, points: kind === 'probe' || kind === 'freehand' ? [p] : [p, p] });
    };
    const draw = (m: Measure, p: Point): void => {
      const last = m.points.at(-1) as Point;
      if (m.kind !== 'freehand') update({ ...m, points: [...m.points.slice(0, -1), p] });
      else if (Math.hypot(p.x - last.x, p.y - last.y) >= 1) update({ ...m, points: [...m.points, p] });
    };
    const finish = (v: Viewport, m: Measure): void => {
      const [a, b] = [m.points.at(-2), m.points.at(-1)] as [Point | undefined, Point];
      const short = m.kind !== 'probe' && (!a || (m.kind === 'freehand' ? m.points.length < 6 : Math.hypot(a.x - b.x, a.y - b.y) <= 2));
      if (!short && m.points.length < pointsOf[m.kind] && m.kind !== 'freehand') return; // the next drag goes on with it
      if (!short) v.addMeasure(m);
      update(null);
      if (!short && m.kind === 'arrow') v.onLabel(m);
    };
    const down = (e: PointerEvent): void => {
      const v = vp.current;
      if (!v || (e.target as Element).closest('button, input, select, a')) return;
      el.setPointerCapture(e.pointerId);
      pointers.set(e.pointerId, at(e));
      start = at(e); far = false;
      mode = e.button === 1 || (e.button === 0 && e.shiftKey) ? 'pan' : e.button === 2 ? 'zoom' : e.altKey ? 'region' : v.tool;
      const p = isMark(mode) ? v.toImage(start) : null;
      if (p) begin(v, mode as Mark, p);
      if (mode === 'lens') v.magnify(start);
      e.preventDefault();
      el.focus({ preventScroll: true });
    };
    const move = (e: PointerEvent): void => {
      const v = vp.current, p = at(e);
      if (!v) return;
      onProbe(v.probe(p));
      const before = pointers.get(e.pointerId);
      if (!before) return;
      if (Math.hypot(p.x - start.x, p.y - start.y) > 3) far = true;
      if (pointers.size === 2) { // two fingers: pan by the centre, zoom by the distance
        const other = [...pointers].find(([id]) => id !== e.pointerId)?.[1] as Point;
        const grown = Math.hypot(p.x - other.x, p.y - other.y) / Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
        v.zoomBy(grown, { x: (p.x + other.x) / 2, y: (p.y + other.y) / 2 });
        v.pan((p.x - before.x) / 2, (p.y - before.y) / 2);
      } else if (mode === 'pan') v.pan(p.x - before.x, p.y - before.y);
      else if (mode === 'zoom') v.zoomBy(Math.exp((before.y - p.y) / 150), start);
      else if (mode === 'window') v.window(p.x - before.x, p.y - before.y);
      else if (mode === 'lens') v.magnify(p);
      else if (live.current) { const q = v.toImage(p); if (q) draw(live.current, q); }
      pointers.set(e.pointerId, p);
    };
    const up = (e: PointerEvent): void => {
      const v = vp.current;
      if (!pointers.delete(e.pointerId) || !v) return;
      if (mode === 'region') v.windowOn(start, at(e));
      v.magnify(null);
      const q = v.toImage(start);
      if (mode === 'window' && e.button === 0 && !far && q) v.onTap(q);
      if (live.current && isMark(mode)) finish(v, live.current);
    };
    const cancel = (e: PointerEvent): void => { pointers.delete(e.pointerId); vp.current?.magnify(null); update(null); };
    const turn = (e: WheelEvent): void => {
      const v = vp.current;
      if (!v) return;
      e.preventDefault();
      const lines = e.deltaY / (e.deltaMode === 1 ? 1 : e.deltaMode === 2 ? 0.2 : 40);
      if (v.slots.length < 2 || (e.ctrlKey && !e.shiftKey)) { v.zoomBy(Math.exp(-lines * 0.08), at(e)); return; }
      wheel += lines;
      const n = Math.trunc(wheel) || (e.deltaMode === 0 && Math.abs(e.deltaY) >= 50 ? Math.sign(e.deltaY) : 0);
      if (n) { wheel = 0; v.go(v.index + n * (!e.shiftKey ? 1 : e.ctrlKey ? Math.max(1, Math.round(v.slots.length / 20)) : 10)); }
    };
    const key = (e: KeyboardEvent): void => { if (e.key === 'Escape') update(null); };
    const on: [string, (e: never) => void, AddEventListenerOptions?][] = [
      ['pointerdown', down], ['pointermove', move], ['pointerup', up], ['pointercancel', cancel], ['pointerleave', () => onProbe('')],
      ['contextmenu', (e: Event) => e.preventDefault()], ['wheel', turn, { passive: false }],
    ];
    for (const [name, f, how] of on) el.addEventListener(name, f as EventListener, how);
    document.addEventListener('keydown', key);
    return () => { for (const [name, f] of on) el.removeEventListener(name, f as EventListener); document.removeEventListener('keydown', key); };
  }, []);
  return { draft };
}
