import { useEffect, useRef, useState } from 'preact/hooks';
import { get, seg } from './api';
import { loaderOf } from './frames';
import type { Hung } from './hanging';
import { date, personName, t } from './i18n';
import { firstOf } from './opening';
import type { Point } from './geometry';
import { Marks, type Box } from './marks';
import type { Measure } from './measures';
import { Objects } from './objects';
import { Reformat, stackOf } from './reformat';
import { useTools } from './tools';
import type { Segments } from './segments';
import type { Heatmap, Instance, Manifest, Result, Series, Stage, Study, UID } from './types';
import { Viewport, type Status } from './viewport';

declare global { interface Window { radnodeViewport?: Viewport | null } }

const manifests = new Map<string, Promise<Manifest>>();

/** manifestOf asks for the manifest of a series once for all viewports. */
function manifestOf(study: UID, series: UID, instances: number): Promise<Manifest> {
  const key = `${series} ${instances}`;
  let m = manifests.get(key);
  if (!m) {
    m = get<Manifest>(`/series/${seg(series)}/manifest?study=${seg(study)}`);
    manifests.set(key, m);
    m.catch(() => manifests.delete(key));
    if (manifests.size > 32) manifests.delete(manifests.keys().next().value as string);
  }
  return m;
}

const longSeries = 24;

/** quickOf describes the image of a stack that is shown first, alone: the others' headers need not be read for it. */
async function quickOf(hung: Hung, of: Series, firstUID: string | undefined): Promise<Manifest | null> {
  const all = of.instances, key = `${hung.series} ${all.length}`;
  if (manifests.has(key)) return null;
  const opened = await firstOf(hung.study), fits = opened?.series_uid === hung.series ? opened : null;
  if (fits && all.length === 1) { manifests.set(key, Promise.resolve(fits)); return null; }
  if (hung.cut || hung.slot !== undefined || all.some((i) => i.frames !== 1)) return null;
  if (fits) return fits;
  if (all.length < longSeries) return null;
  const first = all.find((i) => i.sop_instance_uid === firstUID) ?? all[Math.floor((all.length - 1) / 2)] as Instance;
  try { return await get<Manifest>(`/series/${seg(hung.series)}/manifest?study=${seg(hung.study)}&instance=${seg(first.sop_instance_uid)}`); } catch { return null; } // the whole manifest tells what is wrong
}

/** settled waits until the viewport shows an image of the series or cannot, a second at most. */
async function settled(v: Viewport, series: UID): Promise<void> {
  let stop = (): void => {};
  await new Promise<void>((done) => {
    setTimeout(done, 1000);
    stop = v.watch((s) => { if (v.key.startsWith(`${series} `) && (s.quality === 'full' || s.quality === 'failed')) done(); });
  });
  stop();
}

/** useStatus draws the component anew when the viewport's state changes, at most once a frame. */
export function useStatus(v: Viewport | null): Status | null {
  const [status, set] = useState<Status | null>(null);
  useEffect(() => {
    if (!v) { set(null); return; }
    let queued = 0, latest: Status | null = null;
    const stop = v.watch((s) => { latest = s; queued ||= requestAnimationFrame(() => { queued = 0; set(latest); }); });
    return () => { stop(); cancelAnimationFrame(queued); };
  }, [v]);
  return status;
}

export interface Shown { heat: Heatmap | null; heatUID: string; opacity: number; floor: number; stage: { result: Result; stage: Stage } | null; staged: Result | null; mix: number; boxes: (uid: UID, frame: number) => Box[]; segments: Segments | null }

interface Props {
  hung: Hung | undefined; study: Study | undefined; prior: boolean; active: boolean; many: boolean; text: boolean; firstUID: string | undefined; unverified: boolean; shown: Shown;
  onViewport: (v: Viewport | null) => void; onActivate: () => void; onMaximise: () => void; onProblem: (why: string) => void;
}

/** The picture with everything written on it. */
export function Pane({ hung, study, prior, active, many, text, firstUID, unverified, shown, onViewport, onActivate, onMaximise, onProblem }: Props) {
  const host = useRef<HTMLDivElement>(null), vp = useRef<Viewport | null>(null);
  const [probe, setProbe] = useState(''), [, repaint] = useState(0), [manifest, setManifest] = useState<Manifest | null>(null), [refused, refuse] = useState(''), [labelled, setLabelled] = useState<Measure | null>(null);
  useEffect(() => {
    const v = new Viewport(host.current as HTMLElement, new URLSearchParams(location.search).get('renderer'));
    v.onPaint = () => repaint((n) => n + 1);
    v.onLabel = (m) => setLabelled(m);
    vp.current = v;
    onViewport(v);
    repaint(1);
    return () => { v.dispose(); vp.current = null; onViewport(null); };
  }, []);
  const status = useStatus(vp.current), objects = study?.series?.find((s) => s.series_uid === hung?.series), instances = objects?.instances.length ?? 0;
  useEffect(() => {
    if (!hung || !objects || !instances) { setManifest(null); return; }
    let gone = false;
    const all = async (): Promise<Manifest> => {
      const v = vp.current, quick = v?.key.startsWith(`${hung.series} `) ? null : await quickOf(hung, objects, firstUID);
      if (quick && v && !gone) { setManifest(quick); await settled(v, hung.series); }
      return manifestOf(hung.study, hung.series, instances);
    };
    all().then((m) => { if (!gone) { setManifest(m); onProblem(''); } }, (e: unknown) => { if (!gone) { setManifest(null); onProblem((e as Error).message); } });
    return () => { gone = true; };
  }, [hung?.series, instances]);
  useEffect(() => {
    const v = vp.current;
    if (!manifest || !v || manifest.series_uid !== hung?.series) return;
    const loader = loaderOf(manifest), at = loader.slots.findIndex((s) => s.uid === (v.current?.uid ?? firstUID));
    refuse('');
    if (hung.cut) {
      const stack = loader.fits ? stackOf(loader.slots) : 'tooManySlices';
      if (typeof stack === 'string') refuse(t(stack)); else v.show(new Reformat(loader, stack, hung.cut));
    } else if (v.key !== loader.key) v.show(loader, hung.slot ?? (manifest.images.every((d) => d.frames === 1) ? at : -1), at >= 0 && v.current?.uid === loader.slots[at]?.uid);
  }, [manifest, hung?.cut]);
  const { draft } = useTools(host, vp, setProbe);
  const v = vp.current, here = v?.current, d = here?.desc, uid = here?.uid ?? '', full = status?.quality === 'full';
  useEffect(() => { v?.heat(shown.heat && shown.heatUID === uid ? shown.heat : null); }, [v, shown.heat, shown.heatUID, uid, full]);
  useEffect(() => { if (v) { v.heatOpacity = shown.opacity; v.heatFloor = shown.floor; v.stageMix = hung?.stage ? 1 : shown.mix; } }, [v, shown.opacity, shown.floor, shown.mix, hung?.stage]);
  const own = hung?.stage && shown.staged?.stages?.find((s) => s.name === hung.stage), over = own && shown.staged ? { result: shown.staged, stage: own } : hung?.stage ? null : shown.stage;
  const staged = over?.result.sop_instance_uid === uid ? over : null;
  useEffect(() => { v?.stage(staged?.result.id ?? '', staged?.stage.name ?? null, staged?.stage.values).catch((e: unknown) => onProblem((e as Error).message)); }, [v, staged?.result.id, staged?.stage.name, status?.slot]);

  useEffect(() => {
    if (!v || !here || !shown.segments) { v?.segments(null); return; }
    let gone = false;
    shown.segments.over(here).then((layer) => { if (!gone) v.segments(layer); }, (e: unknown) => { if (!gone) onProblem((e as Error).message); });
    return () => { gone = true; };
  }, [v, shown.segments, uid, status?.slot]);

  const letters = v?.letters(), bar = v?.scaleBar(), voi = status?.voi, failed = status?.quality === 'failed', empty = manifest && manifest.instances.uids.length === 0;
  return (
    <div class={`pane${active && many ? ' active' : ''}`} ref={host} tabIndex={0} role="group" aria-label={t('image')} onPointerDown={onActivate} onFocus={onActivate} onDblClick={(e) => { if (!(e.target as Element).closest('input')) onMaximise(); }}>
      {v && <Marks vp={v} draft={draft} boxes={here ? shown.boxes(here.uid, here.frame) : []} />}
      {empty && objects ? <Objects series={objects} /> : (empty || !hung) && <p class="blank muted">{t(hung ? 'noImages' : 'chooseSeries')}</p>}
      {labelled && v && <form class="words" style={{ left: `${v.toCSS(labelled.points[0] as Point).x}px`, top: `${v.toCSS(labelled.points[0] as Point).y}px` }} onSubmit={(e) => { e.preventDefault(); v.label(labelled, String(new FormData(e.currentTarget).get('words'))); setLabelled(null); }}><input name="words" maxLength={80} aria-label={t('words')} ref={(x) => x?.focus()} onBlur={(e) => { v.label(labelled, e.currentTarget.value); setLabelled(null); }} /></form>}
      {refused && <p class="blank" role="alert">{refused}</p>}
      {failed && <div class="blank" role="alert"><p>{t('cannotShow', { why: status.error })}</p><button onClick={() => v?.retry()}>{t('retry')}</button></div>}
      {status?.quality === 'none' && hung && !empty && !refused && <p class="blank muted">{t('loading')}</p>}
      {letters && !failed && (['right', 'bottom', 'left', 'top'] as const).map((side, i) => <span key={side} class={`letter ${side}`} aria-hidden="true">{letters[i]}</span>)}
      <div class="corner tl">
        {text && study && <><b>{personName(study.patient_name)}</b><span>{study.patient_id} {study.patient_sex}</span><span>{manifest?.description}</span></>}
        {prior && study && <span class="warn">{t('prior')} · {date(study.study_date)}</span>}
        {hung?.cut && <span>{t(hung.cut)}</span>}
        {d?.view_position || d?.laterality ? <span>{[d.laterality, d.view_position].filter(Boolean).join(' ')}</span> : null}
      </div>
      <div class="corner tr">
        {status && status.slots > 0 && <Quality status={status} />}
        {status && status.slots > 1 && <span class="num">{t('slice', { i: status.slot + 1, n: status.slots })}</span>}
        {status && status.slots > 1 && v && v.missing > 0 && <progress max={status.loaded + v.missing} value={status.loaded} aria-label={t('loading')} />}
        {d?.lossy_ratio ? <span class="warn">{t('lossy', { n: Math.round(d.lossy_ratio) })}</span> : null}
        {d?.image_type?.[0] === 'DERIVED' && <span class="warn">{t('derived')}</span>}
        {d?.burned_in === 'YES' && <span class="warn">{t('burnedIn')}</span>}
        {staged && <span class="warn">{staged.stage.name}</span>}
      </div>
      <div class="corner bl">
        {unverified && !prior && <span class="ai">{t('aiNotVerified')}</span>}
        {voi && <span class="num">{voi.lut ? voi.name : `W ${round(voi.width)}  L ${round(voi.center)}`}{voi.name && !voi.lut ? ` · ${voi.name}` : ''}{status?.invert ? ` · ${t('invert')}` : ''}</span>}
        {status && hung && <span class="num">×{status.zoom.toFixed(2)} {probe}</span>}
      </div>
      {bar && <div class="scale" style={{ width: `${bar.px}px` }}><span>{bar.mm >= 10 ? `${bar.mm / 10} cm` : `${bar.mm} mm`}</span><small>{d?.spacing_source}</small></div>}
      {status && status.slots > 1 && (
        <input class="scroll" type="range" min={0} max={status.slots - 1} value={status.slot} aria-label={t('image')} onInput={(e) => v?.go(Number(e.currentTarget.value))} />
      )}
    </div>
  );
}

function round(x: number): string { return Math.abs(x) >= 100 ? String(Math.round(x)) : String(+x.toFixed(2)); }

function Quality({ status }: { status: Status }) {
  const words = { none: t('loading'), preview: t('preview'), full: t('full'), failed: t('failedImage') };
  return <span class={`quality ${status.quality}`} title={status.quality === 'preview' ? t('previewTitle') : t('fullTitle')} data-quality={status.quality}><i aria-hidden="true" />{words[status.quality]}</span>;
}
