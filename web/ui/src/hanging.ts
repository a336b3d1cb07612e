import { cuts, type Cut } from './reformat';
import type { Series, Study, UID } from './types';

/** What hangs in one viewport; stage: a step of the pipeline over the image. */
export interface Hung { study: UID; series: UID; slot?: number; cut?: Cut; stage?: string }
export interface Hanging { rows: number; columns: number; panes: (Hung | undefined)[] }

/** How a study hangs at first, by modality: each image or each series in a viewport of its own, up to rows × columns. */
const rules: Record<string, { by: 'image' | 'series'; rows: number; columns: number }> = {
  CR: { by: 'image', rows: 1, columns: 2 }, DX: { by: 'image', rows: 1, columns: 2 }, MG: { by: 'image', rows: 2, columns: 2 }, MR: { by: 'series', rows: 1, columns: 2 },
};

export const layouts: [number, number][] = [[1, 1], [1, 2], [2, 1], [1, 3], [2, 2], [2, 3], [3, 3]];

const hasImages = (s: Series): boolean => s.modality !== 'SEG' && s.instances.some((i) => i.frames > 0);
export const imageSeries = (study: Study): Series[] => (study.series ?? []).filter(hasImages);

/** firstSeries is the series that is shown first: the one of the top finding, else the first with images. */
export function firstSeries(study: Study): Series | undefined {
  const top = study.reports?.[0]?.findings?.find((f) => f.finding.present && f.finding.code), all = imageSeries(study);
  return all.find((s) => s.instances.some((i) => i.sop_instance_uid === top?.sop_instance_uid)) ?? all[0] ?? study.series?.[0];
}

const kept = (): Record<string, [number, number]> => { try { return JSON.parse(localStorage.getItem('hanging') ?? '{}') as Record<string, [number, number]>; } catch { return {}; } };

/** keepLayout makes a layout the first one for a modality on this computer. */
export function keepLayout(modality: string, rows: number, columns: number): void {
  localStorage.setItem('hanging', JSON.stringify({ ...kept(), [modality]: [rows, columns] }));
}

export function hang(study: Study): Hanging {
  const first = firstSeries(study), all = imageSeries(study), code = first?.modality ?? '', own = kept()[code], rule = rules[code];
  const [rows, columns] = own ?? [rule?.rows ?? 1, rule?.columns ?? 1];
  const series = first ? [first, ...all.filter((s) => s !== first)] : all;
  const things: Hung[] = rule?.by === 'image'
    ? series.flatMap((s) => s.instances.map((_, i) => ({ study: study.study_uid, series: s.series_uid, slot: i })))
    : series.map((s) => ({ study: study.study_uid, series: s.series_uid }));
  if (things.length <= 1 && !own) return { rows: 1, columns: 1, panes: things };
  if (things.length <= columns && !own) return { rows: 1, columns: things.length, panes: things };
  return { rows, columns, panes: things.slice(0, rows * columns) };
}

/** rehang keeps what hangs and fills new viewports with the next series. */
export function rehang(h: Hanging, rows: number, columns: number, study: Study): Hanging {
  const panes = h.panes.slice(0, rows * columns), seen = new Set(h.panes.map((p) => p?.series));
  const next = imageSeries(study).filter((s) => !seen.has(s.series_uid));
  for (let i = panes.length; i < rows * columns; i++) {
    const s = next.shift();
    panes.push(s && { study: study.study_uid, series: s.series_uid });
  }
  return { rows, columns, panes };
}

/** sliced shows a stack in three cuts beside itself. */
export function sliced(p: Hung): Hanging {
  const { study, series } = p;
  return { rows: 2, columns: 2, panes: [...cuts.map((cut): Hung => ({ study, series, cut })), { study, series }] };
}

/** staged shows an image and the steps of its pipeline beside each other. */
export function staged(p: Hung, names: string[]): Hanging {
  const { cut: _, stage: __, ...image } = p, panes: Hung[] = [image, ...names.map((stage) => ({ ...image, stage }))];
  const [rows, columns] = layouts.find(([r, c]) => r * c >= panes.length) ?? [3, 3];
  return { rows, columns, panes: panes.slice(0, rows * columns) };
}
