import { useEffect, useState } from 'preact/hooks';
import { get, seg } from './api';
import { date, t } from './i18n';
import { SeriesStrip } from './study';
import type { Study, Prior, UID } from './types';

/** The earlier studies of a patient, and those of them that have been opened beside. */
export interface PriorList { list: Prior[]; open: Record<UID, Study>; error: string; doubt: string; load: (uid: UID) => Promise<Study | null> }

/** usePriors asks for them when all is calm: nothing may delay the first image. */
export function usePriors(study: Study, calm: boolean): PriorList {
  const [list, setList] = useState<Prior[]>([]), [open, setOpen] = useState<Record<UID, Study>>({}), [error, setError] = useState(''), [doubt, setDoubt] = useState('');
  useEffect(() => {
    if (!calm) return;
    const control = new AbortController();
    get<{ priors: Prior[] | null; uncertain: number; reason?: string }>(`/studies/${seg(study.study_uid)}/priors`, control.signal)
      .then((a) => { setList(a.priors ?? []); setDoubt(a.reason ?? ''); }, (e: unknown) => { if (!control.signal.aborted) setError((e as Error).message); });
    return () => control.abort();
  }, [study.study_uid, calm]);
  const load = async (uid: UID): Promise<Study | null> => {
    try {
      const s = open[uid] ?? await get<Study>(`/studies/${seg(uid)}`);
      setOpen((o) => ({ ...o, [uid]: s })); setError('');
      return s;
    } catch (e) { setError((e as Error).message); return null; }
  };
  return { list, open, error, doubt, load };
}

export function Priors({ priors, active, onCompare, onPick }: { priors: PriorList; active: UID; onCompare: (uid: UID) => void; onPick: (study: UID, series: UID) => void }) {
  return (
    <>
      {priors.error && <p role="alert" class="small bad">{priors.error}</p>}
      {priors.doubt && <p class="small muted">{priors.doubt}</p>}
      {priors.list.length > 0 && <h2>{t('priors')}</h2>}
      {priors.list.map((p, i) => (
        <div key={p.study_uid} class="prior">
          <button onClick={() => onCompare(p.study_uid)} aria-pressed={p.study_uid in priors.open} title={t('compare')}><b>{(p.modalities ?? []).join(' ')}</b> {date(p.study_date)}{i === 0 && <> <kbd>F3</kbd></>}<small>{p.description}</small></button>
          {priors.open[p.study_uid] && <SeriesStrip study={priors.open[p.study_uid] as Study} active={active} onPick={(s) => onPick(p.study_uid, s)} calm />}
        </div>
      ))}
    </>
  );
}
