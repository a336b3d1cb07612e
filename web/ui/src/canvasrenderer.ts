import { invert as inverted, type Matrix } from './geometry';
import { colourTable } from './glrenderer';
import type { Layer, Renderer, Scene } from './renderer';
import { display, heatColours, isPadding, modality } from './tone';

/** Draws without WebGL: each pixel of the screen is looked up in the image, so the cost follows the screen, not the image. */
export class CanvasRenderer implements Renderer {
  readonly kind = '2d';
  private tables = new WeakMap<object, Uint8Array>();
  private colours = heatColours();

  constructor(private canvas: HTMLCanvasElement, private ctx: CanvasRenderingContext2D) {}

  static on(canvas: HTMLCanvasElement): CanvasRenderer | null {
    const ctx = canvas.getContext('2d', { alpha: false });
    return ctx && new CanvasRenderer(canvas, ctx);
  }

  draw(s: Scene): void {
    const w = Math.max(1, Math.round(s.width)), h = Math.max(1, Math.round(s.height)); // one sample per css pixel
    if (this.canvas.width !== w || this.canvas.height !== h) { this.canvas.width = w; this.canvas.height = h; }
    const out = this.ctx.createImageData(w, h);
    if (s.image) { this.image(s, out, s.inverse, null); if (s.lens) this.image(s, out, s.lens.inverse, s.lens); }
    else for (let i = 3; i < out.data.length; i += 4) out.data[i] = 255;
    this.ctx.setTransform(1, 0, 0, 1, 0, 0);
    this.ctx.putImageData(out, 0, 0);
    if (s.layer) this.layer(s);
    if (s.mask) this.put(s, s.mask);
    if (s.overlay && s.opacity > 0) this.heat(s, w, h);
  }

  private image(s: Scene, out: ImageData, m: Matrix, lens: Scene['lens']): void {
    const { desc: d, samples } = s.image as NonNullable<Scene['image']>, data = out.data, v = s.voi;
    const table = v && (d.palette || d.modality_lut || v.lut) ? this.table(s) : null;
    const flip = d.samples === 3 || d.palette ? s.invert : s.invert !== d.inverse;
    for (let y = 0, o = 0; y < out.height; y++) for (let x = 0; x < out.width; x++, o += 4) {
      if (lens) {
        const glass = Math.hypot(x + 0.5 - lens.at.x, y + 0.5 - lens.at.y) - lens.radius;
        if (glass > 0) continue;
        data[o] = data[o + 1] = data[o + 2] = glass > -1.5 ? 153 : 0;
        if (glass > -1.5) continue;
      }
      data[o + 3] = 255;
      const px = Math.floor(m.a * (x + 0.5) + m.c * (y + 0.5) + m.e), py = Math.floor(m.b * (x + 0.5) + m.d * (y + 0.5) + m.f);
      if (px < 0 || py < 0 || px >= d.columns || py >= d.rows) continue;
      const i = py * d.columns + px;
      let r: number, g: number, b: number;
      if (d.samples === 3) {
        const shift = d.bits_allocated > 8 ? Math.max(0, d.bits_stored - 8) : 0;
        [r, g, b] = [(samples[i * 3] as number) >> shift, (samples[i * 3 + 1] as number) >> shift, (samples[i * 3 + 2] as number) >> shift];
      } else {
        const stored = samples[i] as number;
        if (isPadding(d, stored) || !v) continue;
        if (table) {
          const k = Math.max(0, Math.min(65535, stored + (d.signed ? 32768 : 0))) * 4;
          [r, g, b] = [table[k] as number, table[k + 1] as number, table[k + 2] as number];
        } else {
          r = g = b = Math.round(255 * display(v, modality(d, stored)));
        }
      }
      data[o] = flip ? 255 - r : r; data[o + 1] = flip ? 255 - g : g; data[o + 2] = flip ? 255 - b : b;
    }
  }

  private table(s: Scene): Uint8Array {
    const v = s.voi as NonNullable<Scene['voi']>;
    let t = this.tables.get(v);
    if (!t) { t = colourTable((s.image as NonNullable<Scene['image']>).desc, v).colours; this.tables.set(v, t); }
    return t;
  }

  private layer(s: Scene): void {
    this.ctx.globalAlpha = s.image ? s.layerMix : 1;
    this.put(s, s.layer as Layer);
    this.ctx.globalAlpha = 1;
  }

  private put(s: Scene, l: Layer): void {
    const m = inverted(s.inverse);
    this.ctx.setTransform(m.a, m.b, m.c, m.d, m.e, m.f);
    this.ctx.drawImage(l.bitmap, l.left, l.top, l.width, l.height);
  }

  private heat(s: Scene, w: number, h: number): void {
    const o = s.overlay as NonNullable<Scene['overlay']>, m = s.inverse, img = this.ctx.getImageData(0, 0, w, h), data = img.data;
    for (let y = 0, k = 0; y < h; y++) for (let x = 0; x < w; x++, k += 4) {
      const px = m.a * (x + 0.5) + m.c * (y + 0.5) + m.e, py = m.b * (x + 0.5) + m.d * (y + 0.5) + m.f;
      const hx = Math.floor((px - o.left) / o.width * o.columns), hy = Math.floor((py - o.top) / o.height * o.rows);
      if (hx < 0 || hy < 0 || hx >= o.columns || hy >= o.rows) continue;
      const e = o.values[hy * o.columns + hx] as number, t = Math.max(0, Math.min(1, (e / 255 - s.floor) / 0.35)), a = s.opacity * t * t * (3 - 2 * t);
      for (let c = 0; c < 3; c++) data[k + c] = (data[k + c] as number) * (1 - a) + (this.colours[e * 4 + c] as number) * a;
    }
    this.ctx.setTransform(1, 0, 0, 1, 0, 0);
    this.ctx.putImageData(img, 0, 0);
  }

  dispose(): void { /* the browser frees the canvas */ }
}
