import { useEffect, useRef, useState } from 'preact/hooks';
import { personName, t } from './i18n';
import { Marks } from './marks';
import type { Manifest, Study } from './types';
import { useTools, Viewport, type Status } from './viewport';

interface Props {
  manifest: Manifest | null; vp: { current: Viewport | null }; onStatus: (s: Status) => void; status: Status | null; text: boolean; study: Study;
  firstUID: string | undefined; unverified: boolean; stage: string | null;
}

declare global { interface Window { radnodeViewport?: Viewport | null } }

/** The picture with everything written on it. */
export function Pane({ manifest, vp, onStatus, status, text, study, firstUID, unverified, stage }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const [probe, setProbe] = useState('');
  const [, repaint] = useState(0);
  useEffect(() => {
    const v = new Viewport(host.current as HTMLElement, new URLSearchParams(location.search).has('canvas2d'));
    v.onStatus = onStatus;
    v.onPaint = () => repaint((n) => n + 1);
    vp.current = v;
    window.radnodeViewport = v; // for tests, which compare the screen with the stored values
    return () => { v.dispose(); vp.current = null; window.radnodeViewport = null; };
  }, []);
  useEffect(() => {
    if (!manifest || !vp.current) return;
    const v = vp.current;
    const same = v.slots.length > 0 && v.slots.every((s) => manifest.instances.uids.includes(s.uid)) && v.current;
    const at = same ? -2 : manifest.instances.uids.indexOf(firstUID ?? '');
    if (same && v.slots.length === manifest.instances.uids.reduce((n, _, i) => n + Math.max(1, manifest.images[manifest.instances.image[i] as number]?.frames ?? 1), 0)) return;
    v.show(manifest, at >= 0 && manifest.images.every((d) => d.frames === 1) ? at : -1);
  }, [manifest]);
  const { draft } = useTools(host, vp, setProbe);
  const v = vp.current, d = v?.current?.desc, letters = v?.letters(), bar = v?.scaleBar();
  const voi = status?.voi;
  return (
    <div class="pane" ref={host} tabIndex={0} role="group" aria-label={t('image')}>
      {v && <Marks vp={v} draft={draft} />}
      {manifest && manifest.instances.uids.length === 0 && <p class="blank">{t('noImages')}</p>}
      {status?.quality === 'failed' && <div class="blank" role="alert"><p>{t('cannotShow', { why: status.error })}</p><button onClick={() => v?.retry()}>{t('retry')}</button></div>}
      {status?.quality === 'none' && manifest && manifest.instances.uids.length > 0 && <p class="blank muted">{t('loading')}</p>}
      {letters && status?.quality !== 'failed' && (['right', 'bottom', 'left', 'top'] as const).map((side, i) => <span key={side} class={`letter ${side}`} aria-hidden="true">{letters[i]}</span>)}
      <div class="corner tl">
        {text && <><b>{personName(study.patient_name)}</b><span>{study.patient_id} {study.patient_sex}</span><span>{manifest?.description}</span></>}
        {d?.view_position || d?.laterality ? <span>{[d?.laterality, d?.view_position].filter(Boolean).join(' ')}</span> : null}
      </div>
      <div class="corner tr">
        {status && status.slots > 0 && <Quality status={status} />}
        {status && status.slots > 1 && <span class="num">{t('slice', { i: status.slot + 1, n: status.slots })}</span>}
        {status && status.slots > 1 && status.loaded < status.slots && <progress max={status.slots} value={status.loaded} aria-label={t('loading')} />}
        {d?.lossy_ratio ? <span class="warn">{t('lossy', { n: Math.round(d.lossy_ratio) })}</span> : null}
        {d?.image_type?.[0] === 'DERIVED' && <span class="warn">{t('derived')}</span>}
        {d?.burned_in === 'YES' && <span class="warn">{t('burnedIn')}</span>}
        {stage && <span class="warn">{stage}</span>}
      </div>
      <div class="corner bl">
        {unverified && <span class="ai">{t('aiNotVerified')}</span>}
        {voi && <span class="num">{voi.lut ? voi.name : `W ${round(voi.width)}  L ${round(voi.center)}`}{voi.name && !voi.lut ? ` · ${voi.name}` : ''}{status?.invert ? ` · ${t('invert')}` : ''}</span>}
        {status && <span class="num">×{status.zoom.toFixed(2)} {probe}</span>}
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
