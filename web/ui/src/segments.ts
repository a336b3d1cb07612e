import { bytes, get, seg } from './api';
import type { Layer } from './renderer';
import type { Slot } from './frames';
import { t } from './i18n';
import { dot, minus, type Vec } from './planes';
import type { UID } from './types';

interface Segmentation {
  maximum: number; rows: number; columns: number; segments: { number: number; label: string; colour: [number, number, number] }[];
  frames: { frame: number; segment: number; instance: UID; image_frame: number; position?: Vec }[];
  spacing?: [number, number]; directions?: number[];
}

/** A segmentation that is laid over images: filled lightly, its edge strong. */
export class Segments {
  private made = new Map<string, Promise<Layer | null>>();
  private constructor(readonly uid: UID, readonly of: Segmentation) {}

  static async open(uid: UID): Promise<Segments> { return new Segments(uid, await get<Segmentation>(`/instances/${seg(uid)}/segments`)); }

  /** over gives the mask of one image; null where the segmentation says nothing of it. */
  over(slot: Slot): Promise<Layer | null> {
    const key = `${slot.uid} ${slot.frame}`;
    let m = this.made.get(key);
    if (!m) { m = this.make(slot); this.made.set(key, m); m.catch(() => this.made.delete(key)); }
    return m;
  }

  /** place is where a frame lies on an image, in its pixels: by the geometry of both, else pixel on pixel. */
  private place(position: Vec | undefined, { desc, plane }: Slot): Omit<Layer, 'bitmap'> {
    const { rows, columns, spacing: s, directions: d } = this.of;
    if (position && plane && s && d) {
      const [y, x] = [s[0] / plane.spacing[0], s[1] / plane.spacing[1]], off = minus(position, plane.at), round = (v: number): number => Math.round(v * 100) / 100;
      if (dot(d.slice(0, 3) as Vec, plane.row) < 0.999 || dot(d.slice(3) as Vec, plane.column) < 0.999) throw new Error(t('segElsewhere'));
      return { left: round(dot(off, plane.row) / plane.spacing[1] + (1 - x) / 2), top: round(dot(off, plane.column) / plane.spacing[0] + (1 - y) / 2), width: round(columns * x), height: round(rows * y) };
    }
    if (rows !== desc.rows || columns !== desc.columns) throw new Error(t('segElsewhere'));
    return { left: 0, top: 0, width: columns, height: rows };
  }

  private async make(slot: Slot): Promise<Layer | null> {
    const { rows, columns, maximum, segments } = this.of, parts = this.of.frames.filter((f) => f.instance === slot.uid && f.image_frame === slot.frame);
    if (parts.length === 0) return null;
    const place = this.place(parts[0]?.position, slot);
    const out = new ImageData(columns, rows), px = out.data, colours = new Map(segments.map((q) => [q.number, q.colour]));
    for (const part of parts) {
      const b = await bytes(`/instances/${seg(this.uid)}/frames/${part.frame}`), mask = b.byteLength >= 2 * rows * columns ? new Uint16Array(b) : new Uint8Array(b);
      const of = (i: number): number => (maximum === 0 ? mask[i] ?? 0 : (mask[i] ?? 0) * 2 >= maximum ? part.segment : 0);
      for (let y = 0, i = 0; y < rows; y++) for (let x = 0; x < columns; x++, i++) {
        const s = of(i), colour = s && colours.get(s);
        if (!colour) continue;
        const edge = x === 0 || y === 0 || x === columns - 1 || y === rows - 1 || of(i - 1) !== s || of(i + 1) !== s || of(i - columns) !== s || of(i + columns) !== s;
        if (edge || px[i * 4 + 3] !== 255) px.set([...colour, edge ? 255 : 80], i * 4); // where segments overlap, edges stay
      }
    }
    return { bitmap: await createImageBitmap(out, { premultiplyAlpha: 'none' }), ...place };
  }
}
