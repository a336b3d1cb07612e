import { useEffect, useRef, useState } from 'preact/hooks';
import { picture, seg } from './api';
import { CanvasRenderer } from './canvasrenderer';
import { Loader, slotsOf, type Slot } from './frames';
import { apply, edgeLetters, fitZoom, imageToCSS, invert, straight, zoomAt, type Frame, type Point, type View } from './geometry';
import { GLRenderer } from './glrenderer';
import { t } from './i18n';
import type { Layer, Overlay, Renderer } from './renderer';
import { choices, display, modality, smooth, unpack, type Samples, type VOI } from './tone';
import type { Heatmap, Manifest } from './types';

export type Tool = 'window' | 'pan' | 'zoom' | 'length' | 'ellipse' | 'probe';

/** A measurement in image pixels; it belongs to one slot. */
export interface Measure { slot: number; kind: 'length' | 'ellipse' | 'probe'; a: Point; b: Point }

/** What the viewport tells the page around it. */
export interface Status {
  slot: number; slots: number; loaded: number; quality: 'none' | 'preview' | 'full' | 'failed'; error: string;
  voi: VOI | null; voiIndex: number; vois: VOI[]; view: View; invert: boolean; zoom: number; playing: boolean; tool: Tool; renderer: string;
}

const smoothing = 8;

/** The state behind one viewport. Everything that draws goes through paint, once per animation frame. */
export class Viewport {
  private renderer: Renderer | null = null;
  private loader: Loader | null = null;
  private queued = 0;
  private width = 0; private height = 0;
  private slot = 0;
  private view: View = straight;
  private voi: VOI | null = null;
  private voiIndex = 0;
  private picked = -1; // the preset the reader chose; -1: the first of each image
  private tones = new WeakMap<Samples, { list: VOI[]; first: number }>();
  private chosen = false; // the reader set a window: keep it from slice to slice
  private inverted = false;
  private overlay: Overlay | null = null;
  private opacity = 0.5;
  private layer: Layer | null = null;
  private mix = 1;
  private timer = 0;
  private modalityCode = '';
  private vois: VOI[] = [];
  tool: Tool = 'window';
  measures: Measure[] = [];
  private undone: Measure[] = [];
  onStatus: (s: Status) => void = () => {};
  onPaint: () => void = () => {};

  constructor(private host: HTMLElement, private force2D = false) {
    this.attach();
    const size = new ResizeObserver(() => this.resize());
    size.observe(host);
    this.dispose = () => { size.disconnect(); cancelAnimationFrame(this.queued); clearInterval(this.timer); this.loader?.stop(); this.renderer?.dispose(); this.canvas.remove(); };
  }

  dispose: () => void;
  canvas!: HTMLCanvasElement;

  /** attach makes a canvas and the best renderer for it; after a lost context again. */
  private attach(): void {
    this.renderer?.dispose();
    this.canvas?.remove();
    this.canvas = document.createElement('canvas');
    this.canvas.setAttribute('role', 'img');
    this.canvas.setAttribute('aria-label', t('image'));
    this.host.prepend(this.canvas);
    this.renderer = this.force2D ? null : GLRenderer.on(this.canvas);
    if (!this.renderer) {
      const plain = document.createElement('canvas'); // a canvas that tried WebGL has no 2D context
      plain.setAttribute('role', 'img');
      plain.setAttribute('aria-label', t('image'));
      this.canvas.replaceWith(plain);
      this.canvas = plain;
      this.renderer = CanvasRenderer.on(plain);
    }
    this.canvas.dataset.renderer = this.renderer?.kind ?? 'none';
    this.canvas.addEventListener('webglcontextlost', (e) => { e.preventDefault(); setTimeout(() => { this.attach(); this.paint(); }, 50); });
    this.resize();
  }

  private resize(): void {
    this.width = this.host.clientWidth; this.height = this.host.clientHeight;
    this.paint();
  }

  show(m: Manifest, slot = -1): void {
    this.loader?.stop();
    const slots = slotsOf(m);
    this.modalityCode = m.modality;
    this.loader = new Loader(slots, (i) => { if (i === this.slot) this.arrived(); else this.tell(); });
    this.view = straight; this.inverted = false; this.chosen = false; this.picked = -1; this.voi = null; this.layer = null; this.overlay = null; this.measures = [];
    this.go(slot >= 0 && slot < slots.length ? slot : Math.floor((slots.length - 1) / 2));
  }

  get slots(): Slot[] { return this.loader?.slots ?? []; }
  get current(): Slot | undefined { return this.slots[this.slot]; }
  get index(): number { return this.slot; }

  go(i: number): void {
    if (!this.loader || this.slots.length === 0) { this.paint(); return; }
    const next = Math.max(0, Math.min(this.slots.length - 1, i));
    const changed = next !== this.slot;
    this.slot = next;
    if (changed) this.layer = null;
    this.loader.want(next, Math.max(this.width, this.height) * devicePixelRatio);
    this.arrived();
  }

  /** arrived takes over what has been loaded for the slot on screen. */
  private arrived(): void {
    const s = this.current, samples = this.loader?.samples(this.slot);
    if (s && samples) {
      const stay = this.chosen && this.voi && !this.voi.lut ? this.voi : null;
      if (!stay) {
        const known = this.tones.get(samples) ?? choices(s.desc, s.windows, this.modalityCode, samples);
        this.tones.set(samples, known);
        this.vois = known.list;
        this.voiIndex = this.picked >= 0 && this.picked < this.vois.length ? this.picked : known.first;
        this.voi = this.vois[this.voiIndex] ?? null;
      }
    }
    this.paint();
    this.tell();
  }

  set(view: Partial<View>): void { this.view = { ...this.view, ...view }; this.paint(); this.tell(); }
  fit(): void { this.set({ zoom: 0, panX: 0, panY: 0 }); }
  actual(): void { this.set({ zoom: 1 / devicePixelRatio, panX: 0, panY: 0 }); }
  reset(): void { this.view = straight; this.inverted = false; this.chosen = false; this.picked = -1; this.arrived(); }
  turn(by: number): void { this.set({ turns: (this.view.turns + by + 4) % 4, panX: 0, panY: 0 }); }
  flip(horizontal: boolean): void { this.set(horizontal ? { flipH: !this.view.flipH } : { flipV: !this.view.flipV }); }
  invertGrey(): void { this.inverted = !this.inverted; this.paint(); this.tell(); }
  zoomBy(factor: number, at?: Point): void {
    const f = this.frame();
    if (f) this.set(zoomAt(f, this.view, this.width, this.height, at ?? { x: this.width / 2, y: this.height / 2 }, factor));
  }
  pan(dx: number, dy: number): void {
    const f = this.frame();
    if (f) this.set({ zoom: this.view.zoom || fitZoom(f, this.view, this.width, this.height), panX: this.view.panX + dx, panY: this.view.panY + dy });
  }
  choose(i: number): void {
    const v = this.vois[i];
    if (v) { this.voi = v; this.voiIndex = i; this.picked = i; this.chosen = false; this.paint(); this.tell(); }
  }
  window(dx: number, dy: number): void {
    const v = this.voi;
    if (!v || v.lut || !this.loader?.samples(this.slot)) return;
    const step = Math.max(v.width, 2) / 400;
    const width = Math.max(this.current?.desc.slope && Math.abs(this.current.desc.slope) < 1 ? 0.01 : 2, v.width + dx * step * 2);
    this.voi = { ...v, width, center: v.center + dy * step, name: '' };
    this.chosen = true;
    this.paint(); this.tell();
  }
  /** windowOn sets the window to the values inside a rectangle of css pixels. */
  windowOn(a: Point, b: Point): void {
    const p = this.toImage(a), q = this.toImage(b), s = this.loader?.samples(this.slot), d = this.current?.desc;
    if (!p || !q || !s || !d || d.samples === 3 || !this.voi || this.voi.lut) return;
    let lo = Infinity, hi = -Infinity;
    for (let y = Math.max(0, Math.floor(Math.min(p.y, q.y))); y < Math.min(d.rows, Math.max(p.y, q.y)); y++) {
      for (let x = Math.max(0, Math.floor(Math.min(p.x, q.x))); x < Math.min(d.columns, Math.max(p.x, q.x)); x++) {
        const v = modality(d, s[y * d.columns + x] as number);
        lo = Math.min(lo, v); hi = Math.max(hi, v);
      }
    }
    if (hi > lo) { this.voi = { ...this.voi, center: (lo + hi) / 2, width: hi - lo, name: '' }; this.chosen = true; this.paint(); this.tell(); }
  }

  play(): void {
    if (this.timer) { clearInterval(this.timer); this.timer = 0; } else if (this.slots.length > 1) {
      const ms = this.current?.desc.frame_time_ms ?? 100;
      this.timer = window.setInterval(() => this.go((this.slot + 1) % this.slots.length), Math.max(1000 / 60, ms));
    }
    this.tell();
  }
  get playing(): boolean { return this.timer !== 0; }

  heat(h: Heatmap | null): void {
    if (!h) { this.overlay = null; this.paint(); return; }
    const grid = unpack(h.values);
    if (grid.length !== h.rows * h.columns || h.rows < 1 || h.rows > 512 || h.columns < 1 || h.columns > 512) { this.overlay = null; this.paint(); return; }
    const n = h.rows * h.columns <= 4096 ? smoothing : 1;
    this.overlay = { values: n > 1 ? smooth(grid, h.columns, h.rows, n) : grid, columns: h.columns * n, rows: h.rows * n, left: h.left, top: h.top, width: h.width, height: h.height };
    this.paint();
  }
  set heatOpacity(o: number) { this.opacity = o; this.paint(); }

  /** stage shows a pipeline picture over the image, with the same transform. */
  async stage(result: string, name: string | null, values?: Record<string, number>): Promise<void> {
    if (!name) { this.layer = null; this.paint(); return; }
    const slot = this.slot, d = this.current?.desc;
    const bitmap = await picture(`/results/${seg(result)}/stages/${seg(name)}`);
    if (slot !== this.slot || !d) { bitmap.close(); return; }
    const rect = values && 'left' in values && 'top' in values && 'width' in values && 'height' in values
      ? { left: values.left as number, top: values.top as number, width: values.width as number, height: values.height as number }
      : { left: 0, top: 0, width: d.columns, height: d.rows };
    this.layer = { bitmap, ...rect };
    this.paint();
  }
  set stageMix(m: number) { this.mix = m; this.paint(); }

  addMeasure(m: Measure): void { this.measures = [...this.measures, m]; this.undone = []; this.paint(); }
  undo(): void { const m = this.measures.at(-1); if (m) { this.undone.push(m); this.measures = this.measures.slice(0, -1); this.paint(); } }
  redo(): void { const m = this.undone.pop(); if (m) { this.measures = [...this.measures, m]; this.paint(); } }
  clearMeasures(): void { this.measures = this.measures.filter((m) => m.slot !== this.slot); this.paint(); }

  frame(): Frame | null {
    const d = this.current?.desc;
    if (!d) return null;
    const [r, c] = d.pixel_spacing ?? d.pixel_aspect ?? [1, 1];
    return { columns: d.columns, rows: d.rows, aspect: r > 0 && c > 0 ? r / c : 1 };
  }
  toCSS(p: Point): Point { const f = this.frame(); return f ? apply(imageToCSS(f, this.view, this.width, this.height), p) : p; }
  toImage(p: Point): Point | null { const f = this.frame(); return f ? apply(invert(imageToCSS(f, this.view, this.width, this.height)), p) : null; }

  /** probe reads the value under a css point: "(x, y) = value unit". */
  probe(p: Point): string {
    const q = this.toImage(p), d = this.current?.desc, s = this.loader?.samples(this.slot);
    if (!q || !d || !s) return '';
    const x = Math.floor(q.x), y = Math.floor(q.y);
    if (x < 0 || y < 0 || x >= d.columns || y >= d.rows) return '';
    const i = y * d.columns + x;
    if (d.samples === 3) return `(${x}, ${y}) = ${s[i * 3]} ${s[i * 3 + 1]} ${s[i * 3 + 2]}`;
    const v = modality(d, s[i] as number);
    return `(${x}, ${y}) = ${Number.isInteger(v) ? v : v.toFixed(2)}${d.units ? ' ' + d.units : ''}`;
  }

  /** describe says what a measurement measured; millimetres only where the spacing is known. */
  describe(m: Measure): string {
    const d = this.slots[m.slot]?.desc, s = this.loader?.samples(m.slot);
    if (!d) return '';
    const [r, c] = d.pixel_spacing ?? [0, 0], mm = r > 0 && c > 0, unit = d.units ? ' ' + d.units : '';
    const [dx, dy] = [(m.b.x - m.a.x) * (mm ? c : 1), (m.b.y - m.a.y) * (mm ? r : 1)];
    if (m.kind === 'length') return mm ? `${Math.hypot(dx, dy).toFixed(1)} mm` : `${Math.hypot(dx, dy).toFixed(0)} px`;
    if (!s || d.samples === 3) return '';
    if (m.kind === 'probe') {
      const x = Math.floor(m.a.x), y = Math.floor(m.a.y);
      return x >= 0 && y >= 0 && x < d.columns && y < d.rows ? `${+modality(d, s[y * d.columns + x] as number).toFixed(2)}${unit}` : '';
    }
    const [cx, cy, rx, ry] = [(m.a.x + m.b.x) / 2, (m.a.y + m.b.y) / 2, Math.abs(m.b.x - m.a.x) / 2, Math.abs(m.b.y - m.a.y) / 2];
    let n = 0, sum = 0, squares = 0, lo = Infinity, hi = -Infinity;
    for (let y = Math.max(0, Math.floor(cy - ry)); y < Math.min(d.rows, cy + ry); y++) {
      for (let x = Math.max(0, Math.floor(cx - rx)); x < Math.min(d.columns, cx + rx); x++) {
        if (((x + 0.5 - cx) / rx) ** 2 + ((y + 0.5 - cy) / ry) ** 2 > 1) continue;
        const v = modality(d, s[y * d.columns + x] as number);
        n++; sum += v; squares += v * v; lo = Math.min(lo, v); hi = Math.max(hi, v);
      }
    }
    if (n === 0) return '';
    const mean = sum / n, sd = Math.sqrt(Math.max(0, squares / n - mean * mean)), area = Math.PI * Math.abs(dx * dy) / 4;
    return `${t('mean')} ${mean.toFixed(1)}${unit} · SD ${sd.toFixed(1)} · ${lo.toFixed(0)}…${hi.toFixed(0)} · ${mm ? (area / 100).toFixed(2) + ' cm²' : area.toFixed(0) + ' px²'}`;
  }

  letters(): [string, string, string, string] | null { return edgeLetters(this.current?.desc.orientation, this.view); }

  /** scaleBar gives a round length and its width in css pixels. */
  scaleBar(): { mm: number; px: number } | null {
    const f = this.frame(), d = this.current?.desc;
    if (!f || !d?.pixel_spacing) return null;
    const perMM = (this.view.zoom || fitZoom(f, this.view, this.width, this.height)) / d.pixel_spacing[1];
    const mm = [1, 2, 5, 10, 20, 50, 100, 200].find((n) => n * perMM > 60) ?? 200;
    return { mm, px: mm * perMM };
  }

  paint(): void {
    if (this.queued) return;
    this.queued = requestAnimationFrame(() => { this.queued = 0; this.draw(); });
  }

  private draw(): void {
    const s = this.current, samples = this.loader?.samples(this.slot), f = this.frame();
    if (!this.renderer || this.width === 0) return;
    const preview = this.loader?.preview(this.slot), failed = this.loader?.error(this.slot);
    const ready = s && samples && !failed;
    // What cannot be shown is shown as nothing: never as the image before it.
    const layer = this.layer && ready ? this.layer : !ready && preview && s && !failed ? { bitmap: preview, left: 0, top: 0, width: s.desc.columns, height: s.desc.rows } : null;
    this.renderer.draw({
      inverse: f ? invert(imageToCSS(f, this.view, this.width, this.height)) : { a: 1, b: 0, c: 0, d: 1, e: 0, f: 0 },
      width: this.width, height: this.height, ratio: devicePixelRatio,
      image: ready ? { desc: s.desc, samples } : null, voi: this.voi, invert: this.inverted,
      layer, layerMix: this.mix, overlay: failed ? null : this.overlay, opacity: this.opacity, floor: 0.15,
    });
    this.onPaint();
  }

  /** pixel gives the grey the window makes of an image pixel; tests compare the screen with it. */
  expected(x: number, y: number): number {
    const d = this.current?.desc, s = this.loader?.samples(this.slot);
    if (!d || !s || !this.voi) return -1;
    const v = display(this.voi, modality(d, s[y * d.columns + x] as number));
    return Math.round(255 * (this.inverted !== d.inverse ? 1 - v : v));
  }

  /** snapshot reads the screen back: the picture as it is shown, without marks. */
  snapshot(): ImageData {
    this.draw();
    const copy = document.createElement('canvas');
    copy.width = this.canvas.width; copy.height = this.canvas.height;
    const ctx = copy.getContext('2d', { willReadFrequently: true }) as CanvasRenderingContext2D;
    ctx.drawImage(this.canvas, 0, 0); // in the same task as the drawing: the buffer is not kept
    return ctx.getImageData(0, 0, copy.width, copy.height);
  }

  private tell(): void { this.onStatus(this.status()); }

  status(): Status {
    const f = this.frame(), error = this.loader?.error(this.slot) ?? '';
    const quality = error ? 'failed' : this.loader?.samples(this.slot) ? 'full' : this.loader?.preview(this.slot) ? 'preview' : 'none';
    return {
      slot: this.slot, slots: this.slots.length, loaded: this.loader?.loaded ?? 0, quality, error, voi: this.voi, voiIndex: this.voiIndex, vois: this.vois,
      view: this.view, invert: this.inverted, zoom: f ? this.view.zoom || fitZoom(f, this.view, this.width, this.height) : 1, playing: this.playing,
      tool: this.tool, renderer: this.renderer?.kind ?? 'none',
    };
  }
  setTool(tool: Tool): void { this.tool = tool; this.tell(); }
  retry(): void { this.loader?.retry(this.slot); }
}

/** Turns pointers and wheel into acts on the viewport. */
export function useTools(host: { current: HTMLElement | null }, vp: { current: Viewport | null }, onProbe: (text: string) => void): { draft: Measure | null } {
  const [draft, setDraft] = useState<Measure | null>(null);
  const live = useRef<Measure | null>(null);
  useEffect(() => {
    const el = host.current;
    if (!el) return;
    const pointers = new Map<number, Point>();
    let mode: Tool | 'region' = 'window', start: Point = { x: 0, y: 0 }, wheel = 0;
    const at = (e: MouseEvent): Point => { const r = el.getBoundingClientRect(); return { x: e.clientX - r.left, y: e.clientY - r.top }; };
    const update = (m: Measure | null): void => { live.current = m; setDraft(m); };
    const down = (e: PointerEvent): void => {
      const v = vp.current;
      if (!v || (e.target as Element).closest('button, input, select, a')) return;
      el.setPointerCapture(e.pointerId);
      pointers.set(e.pointerId, at(e));
      start = at(e);
      mode = e.button === 1 || (e.button === 0 && e.shiftKey) ? 'pan' : e.button === 2 ? 'zoom' : e.altKey ? 'region' : v.tool;
      if (mode === 'length' || mode === 'ellipse' || mode === 'probe') {
        const p = v.toImage(start);
        if (p) update({ slot: v.index, kind: mode, a: p, b: p });
      }
      e.preventDefault();
      el.focus({ preventScroll: true });
    };
    const move = (e: PointerEvent): void => {
      const v = vp.current, p = at(e);
      if (!v) return;
      onProbe(v.probe(p));
      const before = pointers.get(e.pointerId);
      if (!before) return;
      if (pointers.size === 2) { // two fingers: pan by the centre, zoom by the distance
        const other = [...pointers].find(([id]) => id !== e.pointerId)?.[1] as Point;
        const grown = Math.hypot(p.x - other.x, p.y - other.y) / Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
        v.zoomBy(grown, { x: (p.x + other.x) / 2, y: (p.y + other.y) / 2 });
        v.pan((p.x - before.x) / 2, (p.y - before.y) / 2);
      } else if (mode === 'pan') v.pan(p.x - before.x, p.y - before.y);
      else if (mode === 'zoom') v.zoomBy(Math.exp((before.y - p.y) / 150), start);
      else if (mode === 'window') v.window(p.x - before.x, p.y - before.y);
      else if (live.current) { const q = v.toImage(p); if (q) update({ ...live.current, b: q, ...(live.current.kind === 'probe' ? { a: q } : {}) }); }
      pointers.set(e.pointerId, p);
    };
    const up = (e: PointerEvent): void => {
      const v = vp.current;
      if (!pointers.delete(e.pointerId) || !v) return;
      if (mode === 'region') v.windowOn(start, at(e));
      const m = live.current;
      if (m) { if (m.kind === 'probe' || Math.hypot(m.a.x - m.b.x, m.a.y - m.b.y) > 2) v.addMeasure(m); update(null); }
    };
    const cancel = (e: PointerEvent): void => { pointers.delete(e.pointerId); update(null); };
    const turn = (e: WheelEvent): void => {
      const v = vp.current;
      if (!v) return;
      e.preventDefault();
      const lines = e.deltaY / (e.deltaMode === 1 ? 1 : e.deltaMode === 2 ? 0.2 : 40);
      if (v.slots.length < 2 || e.ctrlKey) { v.zoomBy(Math.exp(-lines * 0.08), at(e)); return; }
      wheel += lines;
      const n = Math.trunc(wheel) || (e.deltaMode === 0 && Math.abs(e.deltaY) >= 50 ? Math.sign(e.deltaY) : 0);
      if (n) { wheel = 0; v.go(v.index + n * (e.shiftKey ? 10 : 1)); }
    };
    const leave = (): void => onProbe('');
    const menu = (e: Event): void => e.preventDefault();
    el.addEventListener('pointerdown', down); el.addEventListener('pointermove', move); el.addEventListener('pointerup', up);
    el.addEventListener('pointercancel', cancel); el.addEventListener('pointerleave', leave); el.addEventListener('contextmenu', menu);
    el.addEventListener('wheel', turn, { passive: false });
    return () => {
      el.removeEventListener('pointerdown', down); el.removeEventListener('pointermove', move); el.removeEventListener('pointerup', up);
      el.removeEventListener('pointercancel', cancel); el.removeEventListener('pointerleave', leave); el.removeEventListener('contextmenu', menu);
      el.removeEventListener('wheel', turn);
    };
  }, []);
  return { draft };
}
