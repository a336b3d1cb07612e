import { picture, seg } from './api';
import { CanvasRenderer } from './canvasrenderer';
import type { Slot, Source } from './frames';
import { apply, edgeLetters, fitZoom, imageToCSS, invert, straight, zoomAt, type Frame, type Point, type View } from './geometry';
import { GLRenderer } from './glrenderer';
import { t } from './i18n';
import { describe, type Mark, type Measure } from './measures';
import { dot, minus, normal, parallel, type Plane } from './planes';
import type { Layer, Overlay, Renderer, Scene } from './renderer';
import { choices, display, modality, smooth, unpack, type Samples, type VOI } from './tone';
import type { Heatmap } from './types';

export type Tool = 'window' | 'pan' | 'zoom' | 'lens' | Mark;

/** What the viewport tells the page around it. */
export interface Status {
  slot: number; slots: number; loaded: number; quality: 'none' | 'preview' | 'full' | 'failed'; error: string;
  voi: VOI | null; voiIndex: number; vois: VOI[]; view: View; invert: boolean; zoom: number; playing: boolean; fps: number; tool: Tool; renderer: string;
}

const smoothing = 8;

/** Marks stay with their series when it moves to another viewport. */
const marksOf = new Map<string, Measure[]>();

/** What viewports that are linked follow. */
export type Move = 'slot' | 'window' | 'view';

/** The state behind one viewport. Everything that draws goes through paint, once per animation frame. */
export class Viewport {
  private renderer: Renderer | null = null;
  private source: Source | null = null;
  private close: () => void = () => {};
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
  private floor = 0.15;
  private mask: { layer: Layer; slot: number } | null = null;
  private layer: Layer | null = null;
  private mix = 1;
  private timer = 0;
  private fps = 0; // of cine; 0: what the header says
  private idle = 0;
  private vois: VOI[] = [];
  private watching = new Set<(s: Status) => void>();
  private lens: Point | null = null;
  tool: Tool = 'window';
  private undone: Measure[] = [];
  /** reference is the plane of the viewport that is worked in; its line is drawn in the others. */
  reference: Plane | null = null;
  onMove: (what: Move, by: number) => void = () => {};
  onTap: (p: Point) => void = () => {};
  onPaint: () => void = () => {};
  onLabel: (m: Measure) => void = () => {};
  label(m: Measure, text: string): void { this.measures = this.measures.map((x) => (x === m ? { ...m, text } : x)); this.paint(); }

  constructor(private host: HTMLElement, private wanted: string | null = null) {
    this.attach();
    const size = new ResizeObserver(() => this.resize());
    size.observe(host);
    this.dispose = () => { size.disconnect(); cancelAnimationFrame(this.queued); clearInterval(this.timer); clearTimeout(this.idle); this.close(); this.renderer?.dispose(); this.canvas.remove(); };
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
    this.renderer = this.wanted === '2d' ? null : GLRenderer.on(this.canvas, this.wanted === 'gl');
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

  /** show takes over a source; keep: the same images and some more, looked at as before. */
  show(source: Source, slot = -1, keep = false): void {
    const before = this.close;
    this.source = source;
    this.close = source.open((i) => { if (i === this.slot) this.arrived(); else this.tell(); });
    before(); // after the opening: a series that is shown on keeps its frames
    if (!keep) { this.view = straight; this.inverted = false; this.chosen = false; this.picked = -1; this.voi = null; this.layer = null; this.overlay = null; this.mask = null; }
    if (this.timer) this.play();
    this.go(slot >= 0 && slot < source.slots.length ? slot : Math.floor((source.slots.length - 1) / 2), true);
  }

  watch(f: (s: Status) => void): () => void { this.watching.add(f); f(this.status()); return () => { this.watching.delete(f); }; }

  /** missing is how many frames of a stack are still to come, where memory holds them all. */
  get missing(): number { return this.source ? this.source.size - this.source.loaded : 0; }
  get key(): string { return this.source?.key ?? ''; }
  get measures(): Measure[] { return marksOf.get(this.key) ?? []; }
  set measures(m: Measure[]) { marksOf.set(this.key, m); }
  get slots(): Slot[] { return this.source?.slots ?? []; }
  get current(): Slot | undefined { return this.slots[this.slot]; }
  get index(): number { return this.slot; }

  /** go shows a slot; quiet: because another viewport leads. */
  go(i: number, quiet = false): void {
    if (!this.source || this.slots.length === 0) { this.paint(); return; }
    const next = Math.max(0, Math.min(this.slots.length - 1, i)), by = next - this.slot;
    this.slot = next;
    if (by) this.layer = null;
    this.source.want(next, Math.max(this.width, this.height) * devicePixelRatio);
    this.arrived();
    if (by && !quiet) this.onMove('slot', by);
  }

  /** follow goes where another viewport went: to the same place in the patient, else by as many images. */
  follow(to: Viewport, what: Move, by: number): void {
    const a = to.current?.plane, b = this.current?.plane;
    if (what === 'window') {
      if (to.voi && !to.voi.lut && this.voi && !this.voi.lut && this.source?.modality === to.source?.modality) { this.voi = to.voi; this.chosen = true; this.paint(); this.tell(); }
    } else if (what === 'view') {
      if (to.key === this.key) { this.view = to.view; this.paint(); this.tell(); }
    } else if (!a || !b || a.space !== b.space) this.go(this.slot + by, true);
    else if (parallel(a, b)) {
      const n = normal(b), off = this.slots.map((s) => (s.plane ? Math.abs(dot(n, minus(s.plane.at, a.at))) : Infinity));
      this.go(off.indexOf(Math.min(...off)), true);
    }
  }

  /** arrived takes over what has been loaded for the slot on screen. */
  private arrived(): void {
    const s = this.current, samples = this.source?.samples(this.slot);
    if (s && samples) {
      const { list, first } = this.tone(s, samples);
      this.vois = list;
      if (!this.chosen || !this.voi || this.voi.lut) {
        this.voiIndex = this.picked >= 0 && this.picked < list.length ? this.picked : first;
        this.voi = list[this.voiIndex] ?? null;
      }
    }
    this.paint();
    this.tell();
  }

  /** tone gives the windows of an image. The percentiles take a look at every pixel: while scrolling past, only where one is shown. */
  private tone(s: Slot, samples: Samples): { list: VOI[]; first: number } {
    const known = this.tones.get(samples), code = this.source?.modality ?? '';
    if (known) return known;
    const quick = choices(s.desc, s.windows, code);
    if (quick.list.length === 0 || (this.picked >= quick.list.length) || (this.picked < 0 && !s.windows.length && !s.desc.voi_luts?.length && !(s.desc.palette && !s.desc.palette.supplemental))) {
      const all = choices(s.desc, s.windows, code, samples);
      this.tones.set(samples, all);
      return all;
    }
    clearTimeout(this.idle);
    this.idle = window.setTimeout(() => { if (this.source?.samples(this.slot) === samples) { this.tones.set(samples, choices(s.desc, s.windows, code, samples)); this.arrived(); } }, 150);
    return quick;
  }

  set(view: Partial<View>): void { this.view = { ...this.view, ...view }; this.paint(); this.tell(); this.onMove('view', 0); }
  fit(): void { this.set({ zoom: 0, panX: 0, panY: 0 }); }
  actual(): void { this.set({ zoom: 1 / devicePixelRatio, panX: 0, panY: 0 }); }
  reset(): void { this.view = straight; this.inverted = false; this.chosen = false; this.picked = -1; this.arrived(); this.onMove('view', 0); }
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
    if (v) { this.voi = v; this.voiIndex = i; this.picked = i; this.chosen = false; this.paint(); this.tell(); this.onMove('window', 0); }
  }
  window(dx: number, dy: number): void {
    const v = this.voi;
    if (!v || v.lut || !this.source?.samples(this.slot)) return;
    const step = Math.max(v.width, 2) / 400;
    const width = Math.max(this.current?.desc.slope && Math.abs(this.current.desc.slope) < 1 ? 0.01 : 2, v.width + dx * step * 2);
    this.voi = { ...v, width, center: v.center + dy * step, name: '' };
    this.chosen = true;
    this.paint(); this.tell(); this.onMove('window', 0);
  }
  /** windowOn sets the window to the values inside a rectangle of css pixels. */
  windowOn(a: Point, b: Point): void {
    const p = this.toImage(a), q = this.toImage(b), s = this.source?.samples(this.slot), d = this.current?.desc;
    if (!p || !q || !s || !d || d.samples === 3 || !this.voi || this.voi.lut) return;
    let lo = Infinity, hi = -Infinity;
    for (let y = Math.max(0, Math.floor(Math.min(p.y, q.y))); y < Math.min(d.rows, Math.max(p.y, q.y)); y++) {
      for (let x = Math.max(0, Math.floor(Math.min(p.x, q.x))); x < Math.min(d.columns, Math.max(p.x, q.x)); x++) {
        const v = modality(d, s[y * d.columns + x] as number);
        lo = Math.min(lo, v); hi = Math.max(hi, v);
      }
    }
    if (hi > lo) { this.voi = { ...this.voi, center: (lo + hi) / 2, width: hi - lo, name: '' }; this.chosen = true; this.paint(); this.tell(); this.onMove('window', 0); }
  }

  play(fps = 0): void {
    if (fps) this.fps = fps;
    const on = this.timer !== 0;
    clearInterval(this.timer);
    this.timer = 0;
    if ((!on || fps) && this.slots.length > 1) this.timer = window.setInterval(() => { if (!this.source?.error(this.slot) && !this.source?.samples(this.slot)) return; this.go((this.slot + 1) % this.slots.length); }, 1000 / this.rate);
    this.tell();
  }
  /** rate is that of cine in frames a second: the reader's, else the header's (PS3.3 C.7.6.5.1.1). */
  get rate(): number { return Math.min(60, Math.max(1, this.fps || 1000 / (this.current?.desc.frame_time_ms || 100))); }
  get playing(): boolean { return this.timer !== 0; }

  heat(h: Heatmap | null): void {
    if (!h) { this.overlay = null; this.paint(); return; }
    const grid = unpack(h.values);
    if (grid.length !== h.rows * h.columns || h.rows < 1 || h.rows > 512 || h.columns < 1 || h.columns > 512) { this.overlay = null; this.paint(); return; }
    const n = h.rows * h.columns <= 4096 ? smoothing : 1;
    this.overlay = { values: n > 1 ? smooth(grid, h.columns, h.rows, n) : grid, columns: h.columns * n, rows: h.rows * n, left: h.left, top: h.top, width: h.width, height: h.height };
    this.paint();
  }
  /** evidence is how strongly a map points to a place of the image, 0..1. */
  static evidence(h: Heatmap, x: number, y: number): number {
    const i = Math.floor((x - h.left) / h.width * h.columns), j = Math.floor((y - h.top) / h.height * h.rows);
    return i >= 0 && j >= 0 && i < h.columns && j < h.rows ? (unpack(h.values)[j * h.columns + i] ?? 0) / 255 : 0;
  }

  set heatOpacity(o: number) { this.opacity = o; this.paint(); }
  set heatFloor(f: number) { this.floor = f; this.paint(); }

  /** segments lays a coloured mask over one slot. */
  segments(layer: Layer | null, slot = this.slot): void { this.mask = layer && { layer, slot }; this.paint(); }

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
  magnify(p: Point | null): void { this.lens = p; this.paint(); }

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
    const q = this.toImage(p), d = this.current?.desc, s = this.source?.samples(this.slot);
    if (!q || !d || !s) return '';
    const x = Math.floor(q.x), y = Math.floor(q.y);
    if (x < 0 || y < 0 || x >= d.columns || y >= d.rows) return '';
    const i = y * d.columns + x;
    if (d.samples === 3) return `(${x}, ${y}) = ${s[i * 3]} ${s[i * 3 + 1]} ${s[i * 3 + 2]}`;
    const v = modality(d, s[i] as number);
    return `(${x}, ${y}) = ${Number.isInteger(v) ? v : v.toFixed(2)}${d.units ? ' ' + d.units : ''}`;
  }

  describe(m: Measure): string { return describe(m, this.slots[m.slot], this.source?.samples(m.slot)); }

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
    const s = this.current, samples = this.source?.samples(this.slot), f = this.frame();
    if (!this.renderer || this.width === 0) return;
    const preview = this.source?.preview(this.slot), failed = this.source?.error(this.slot);
    const ready = s && samples && !failed;
    // What cannot be shown is shown as nothing: never as the image before it.
    const layer = this.layer && ready ? this.layer : !ready && preview && s && !failed ? { bitmap: preview, left: 0, top: 0, width: s.desc.columns, height: s.desc.rows } : null;
    this.renderer.draw({
      inverse: f ? invert(imageToCSS(f, this.view, this.width, this.height)) : { a: 1, b: 0, c: 0, d: 1, e: 0, f: 0 },
      width: this.width, height: this.height, ratio: devicePixelRatio,
      image: ready ? { desc: s.desc, samples } : null, voi: this.voi, invert: this.inverted,
      layer, layerMix: this.mix, overlay: failed ? null : this.overlay, opacity: this.opacity, floor: this.floor,
      mask: failed || this.mask?.slot !== this.slot ? null : this.mask.layer, lens: f && this.lens ? this.lensOf(f, this.lens) : null,
    });
    this.onPaint();
  }

  /** lensOf is the round glass at a point: the same picture, three times as large, at least two screen pixels for one of the image. */
  private lensOf(f: Frame, at: Point): Scene['lens'] {
    const zoom = this.view.zoom || fitZoom(f, this.view, this.width, this.height);
    return { at, radius: 110, inverse: invert(imageToCSS(f, zoomAt(f, this.view, this.width, this.height, at, Math.max(3, 2 / zoom)), this.width, this.height)) };
  }

  /** expected gives the grey the window makes of an image pixel; tests compare the screen with it. */
  expected(x: number, y: number): number {
    const d = this.current?.desc, s = this.source?.samples(this.slot);
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

  private tell(): void { if (this.watching.size) { const s = this.status(); for (const f of [...this.watching]) f(s); } }

  status(): Status {
    const f = this.frame(), error = this.source?.error(this.slot) ?? '';
    const quality = error ? 'failed' : this.source?.samples(this.slot) ? 'full' : this.source?.preview(this.slot) ? 'preview' : 'none';
    return {
      slot: this.slot, slots: this.slots.length, loaded: this.source?.loaded ?? 0, quality, error, voi: this.voi, voiIndex: this.voiIndex, vois: this.vois,
      view: this.view, invert: this.inverted, zoom: f ? this.view.zoom || fitZoom(f, this.view, this.width, this.height) : 1, playing: this.playing, fps: Math.round(this.rate),
      tool: this.tool, renderer: this.renderer?.kind ?? 'none',
    };
  }
  setTool(tool: Tool): void { this.tool = tool; this.tell(); }
  retry(): void { this.source?.retry(this.slot); }
}

