import { invert as inverted, type Matrix } from './geometry';
import { colourTable } from './glrenderer';
import type { Layer, Renderer, Scene } from './renderer';
import { resample, type Grid } from './resample';
import { display, heatColours, isPadding, modality } from './tone';
import type { ImageDescription } from './types';

/** Draws without a graphics processor: the image is brought to the resolution of the screen once, then each change of the window is one look-up a pixel. */
export class CanvasRenderer implements Renderer {
  readonly kind = '2d';
  private grid: Grid | null = null;
  private gridOf: unknown[] = [];
  private table: Uint32Array | null = null;
  private tableOf: unknown[] = [];
  private out: ImageData | null = null;
  private colours = heatColours();

  constructor(private canvas: HTMLCanvasElement, private ctx: CanvasRenderingContext2D) {}

  static on(canvas: HTMLCanvasElement): CanvasRenderer | null {
    const ctx = canvas.getContext('2d', { alpha: false, willReadFrequently: true });
    return ctx && new CanvasRenderer(canvas, ctx);
  }

  draw(s: Scene): void {
    const w = Math.max(1, Math.round(s.width)), h = Math.max(1, Math.round(s.height)); // one sample per css pixel
    if (this.canvas.width !== w || this.canvas.height !== h) { this.canvas.width = w; this.canvas.height = h; }
    if (this.out?.width !== w || this.out.height !== h) this.out = this.ctx.createImageData(w, h);
    const out = this.out, words = new Uint32Array(out.data.buffer);
    words.fill(0xff000000);
    if (s.image && s.voi) this.image(s, words, w, h); else if (s.image?.desc.samples === 3) this.image(s, words, w, h);
    if (s.image && s.lens) this.glass(s, out);
    if (s.overlay && s.opacity > 0 && !s.layer) this.heat(s, out);
    this.ctx.setTransform(1, 0, 0, 1, 0, 0);
    this.ctx.putImageData(out, 0, 0);
    if (s.layer) {
      this.ctx.globalAlpha = s.image ? s.layerMix : 1;
      this.put(s, s.layer);
      this.ctx.globalAlpha = 1;
      if (s.overlay && s.opacity > 0) { const all = this.ctx.getImageData(0, 0, w, h); this.heat(s, all); this.ctx.setTransform(1, 0, 0, 1, 0, 0); this.ctx.putImageData(all, 0, 0); }
    }
    if (s.mask) this.put(s, s.mask);
  }

  private image(s: Scene, words: Uint32Array, w: number, h: number): void {
    const { desc: d, samples } = s.image as NonNullable<Scene['image']>, m = s.inverse, of = [samples, m.a, m.b, m.c, m.d, m.e, m.f, w, h];
    if (!this.grid || of.some((x, i) => x !== this.gridOf[i])) { this.grid = resample(d, samples, m, w, h, this.grid?.values); this.gridOf = of; }
    const g = this.grid, v = g.values, flip = d.samples === 3 || d.palette ? s.invert : s.invert !== d.inverse;
    const half = 0.5 - (d.signed ? -32768 : 0), table = d.samples === 1 && d.bits_allocated <= 16 ? this.greys(s, d, flip) : null, shift = d.bits_allocated > 8 ? Math.max(0, d.bits_stored - 8) : 0;
    for (let y = g.top; y < g.bottom; y++) for (let o = y * w + g.left, end = y * w + g.right; o < end; o++) {
      if (table) words[o] = table[((v[o] as number) + half) | 0] as number;
      else if (d.samples === 3) {
        const word = 0xff000000 | ((v[3 * o + 2] as number) >> shift) << 16 | ((v[3 * o + 1] as number) >> shift) << 8 | (v[3 * o] as number) >> shift;
        words[o] = flip ? word ^ 0xffffff : word;
      } else words[o] = greyOf(s, d, v[o] as number, flip);
    }
  }

  /** greys is the way from stored value to screen as a table. */
  private greys(s: Scene, d: ImageDescription, flip: boolean): Uint32Array {
    const of = [d, s.voi, flip];
    if (this.table && of.every((x, i) => x === this.tableOf[i])) return this.table;
    const table = this.table ?? new Uint32Array(65536), voi = s.voi as NonNullable<Scene['voi']>, first = d.signed ? -32768 : 0;
    if (d.palette || d.modality_lut || voi.lut) {
      const c = colourTable(d, voi).colours;
      for (let i = 0; i < 65536; i++) { const word = 0xff000000 | (c[4 * i + 2] as number) << 16 | (c[4 * i + 1] as number) << 8 | (c[4 * i] as number); table[i] = isPadding(d, i + first) ? 0xff000000 : flip ? word ^ 0xffffff : word; }
    } else if (d.padding || voi.fn === 'SIGMOID' || voi.width <= 1) for (let i = 0; i < 65536; i++) table[i] = greyOf(s, d, i + first, flip);
    else { // a line between two greys (PS3.3 C.11.2.1.2)
      const [low, span] = voi.fn === 'LINEAR' ? [voi.center - 0.5 - (voi.width - 1) / 2, voi.width - 1] : [voi.center - voi.width / 2, voi.width];
      for (let i = 0; i < 65536; i++) { const g = Math.round(255 * Math.max(0, Math.min(1, ((i + first) * d.slope + d.intercept - low) / span))), v = flip ? 255 - g : g; table[i] = 0xff000000 | v << 16 | v << 8 | v; }
    }
    this.table = table; this.tableOf = of;
    return table;
  }

  /** glass draws the lens, each pixel from the nearest of the image. */
  private glass(s: Scene, out: ImageData): void {
    const { at, radius, inverse: m } = s.lens as NonNullable<Scene['lens']>, { desc: d, samples } = s.image as NonNullable<Scene['image']>, words = new Uint32Array(out.data.buffer);
    const flip = d.samples === 3 || d.palette ? s.invert : s.invert !== d.inverse, first = d.signed ? -32768 : 0, table = d.samples === 1 && d.bits_allocated <= 16 && s.voi ? this.greys(s, d, flip) : null;
    for (let y = Math.max(0, Math.floor(at.y - radius)); y < Math.min(out.height, at.y + radius); y++) for (let x = Math.max(0, Math.floor(at.x - radius)); x < Math.min(out.width, at.x + radius); x++) {
      const far = Math.hypot(x + 0.5 - at.x, y + 0.5 - at.y) - radius, o = y * out.width + x;
      if (far > 0) continue;
      const px = Math.floor(m.a * (x + 0.5) + m.c * (y + 0.5) + m.e), py = Math.floor(m.b * (x + 0.5) + m.d * (y + 0.5) + m.f), i = py * d.columns + px;
      if (far > -1.5) words[o] = 0xff999999;
      else if (px < 0 || py < 0 || px >= d.columns || py >= d.rows) words[o] = 0xff000000;
      else if (d.samples === 3) words[o] = 0xff000000 | (samples[3 * i + 2] as number) << 16 | (samples[3 * i + 1] as number) << 8 | (samples[3 * i] as number);
      else words[o] = table ? table[(samples[i] as number) - first] as number : greyOf(s, d, samples[i] as number, flip);
    }
  }

  private put(s: Scene, l: Layer): void {
    const m: Matrix = inverted(s.inverse);
    this.ctx.setTransform(m.a, m.b, m.c, m.d, m.e, m.f);
    this.ctx.drawImage(l.bitmap, l.left, l.top, l.width, l.height);
  }

  private heat(s: Scene, img: ImageData): void {
    const o = s.overlay as NonNullable<Scene['overlay']>, m = s.inverse, data = img.data;
    for (let y = 0, k = 0; y < img.height; y++) for (let x = 0; x < img.width; x++, k += 4) {
      const px = m.a * (x + 0.5) + m.c * (y + 0.5) + m.e, py = m.b * (x + 0.5) + m.d * (y + 0.5) + m.f;
      const hx = Math.floor((px - o.left) / o.width * o.columns), hy = Math.floor((py - o.top) / o.height * o.rows);
      if (hx < 0 || hy < 0 || hx >= o.columns || hy >= o.rows) continue;
      const e = o.values[hy * o.columns + hx] as number, t = Math.max(0, Math.min(1, (e / 255 - s.floor) / 0.35)), a = s.opacity * t * t * (3 - 2 * t);
      if (a > 0) for (let c = 0; c < 3; c++) data[k + c] = (data[k + c] as number) * (1 - a) + (this.colours[e * 4 + c] as number) * a;
    }
  }

  dispose(): void { this.grid = null; this.out = null; }
}

function greyOf(s: Scene, d: ImageDescription, stored: number, flip: boolean): number {
  if (isPadding(d, stored)) return 0xff000000;
  const g = Math.round(255 * display(s.voi as NonNullable<Scene['voi']>, modality(d, stored))), v = flip ? 255 - g : g;
  return 0xff000000 | v << 16 | v << 8 | v;
}
