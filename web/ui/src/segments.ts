import { bytes, get, seg } from './api';
import type { Layer } from './renderer';
import type { UID } from './types';

interface Segmentation {
  maximum: number; rows: number; columns: number; segments: { number: number; label: string; colour: [number, number, number] }[];
  frames: { frame: number; segment: number; instance: UID; image_frame: number }[];
}

/** A segmentation that is laid over images: filled lightly, its edge strong. */
export class Segments {
  private made = new Map<string, Promise<Layer | null>>();
  private constructor(readonly uid: UID, readonly of: Segmentation) {}

  static async open(uid: UID): Promise<Segments> { return new Segments(uid, await get<Segmentation>(`/instances/${seg(uid)}/segments`)); }

  /** over gives the mask of one image; null where the segmentation says nothing of it. */
  over(image: UID, frame: number): Promise<Layer | null> {
    const key = `${image} ${frame}`;
    let m = this.made.get(key);
    if (!m) { m = this.make(image, frame); this.made.set(key, m); m.catch(() => this.made.delete(key)); }
    return m;
  }

  private async make(image: UID, frame: number): Promise<Layer | null> {
    const { rows, columns, maximum, segments } = this.of, parts = this.of.frames.filter((f) => f.instance === image && f.image_frame === frame);
    if (parts.length === 0) return null;
    const out = new ImageData(columns, rows), px = out.data;
    for (const part of parts) {
      const b = await bytes(`/instances/${seg(this.uid)}/frames/${part.frame}`), mask = b.byteLength >= 2 * rows * columns ? new Uint16Array(b) : new Uint8Array(b);
      const of = (i: number): number => (maximum === 0 ? mask[i] ?? 0 : (mask[i] ?? 0) * 2 >= maximum ? part.segment : 0);
      for (let y = 0, i = 0; y < rows; y++) for (let x = 0; x < columns; x++, i++) {
        const s = of(i), colour = s && segments.find((q) => q.number === s)?.colour;
        if (!colour) continue;
        const edge = x === 0 || y === 0 || x === columns - 1 || y === rows - 1 || of(i - 1) !== s || of(i + 1) !== s || of(i - columns) !== s || of(i + columns) !== s;
        px.set([...colour, edge ? 255 : 80], i * 4);
      }
    }
    return { bitmap: await createImageBitmap(out, { premultiplyAlpha: 'none' }), left: 0, top: 0, width: columns, height: rows };
  }
}
