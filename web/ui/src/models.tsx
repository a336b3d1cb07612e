import { useEffect, useState } from 'preact/hooks';
import { get, stream, upload } from './api';
import { findingName, t } from './i18n';
import type { Model, Result, Session } from './types';

export function Models({ session }: { session: Session }) {
  const [models, setModels] = useState<Model[] | null>(null), [error, setError] = useState('');
  useEffect(() => {
    const load = (): void => { get<{ models: Model[] }>('/models').then((a) => setModels(a.models), (e: unknown) => setError((e as Error).message)); };
    load();
    return stream.listen((c) => { if (!c || c.kind === 'model') load(); });
  }, []);
  return (
    <main class="page">
      <h1>{t('models')}</h1>
      {error && <p role="alert" class="banner bad">{error}</p>}
      {!models && !error && <p class="muted">{t('loading')}</p>}
      {(models ?? []).map((m) => <Card key={m.id + m.version} m={m} />)}
      <Try session={session} />
    </main>
  );
}

function Card({ m }: { m: Model }) {
  const ok = m.state === 'ready' || m.state === 'active';
  return (
    <article class="box">
      <header><h2>{m.name} <small class="muted">{m.id} {m.version}</small></h2><span class={ok ? 'state delivered' : 'state undelivered'}>{ok ? t('ready') : t('refused')}</span></header>
      {m.error && <p class="bad">{m.error}</p>}
      <dl class="facts">
        <dt>{t('intendedUse')}</dt><dd>{m.intended_use}</dd>
        <dt>{t('notFor')}</dt><dd>{(m.not_for ?? []).join(' · ') || '—'}</dd>
        <dt>{t('evaluation')}</dt><dd>{m.evaluation}</dd>
        <dt>{t('accepts')}</dt><dd>{(m.gate ?? []).join(' · ')}</dd>
        <dt>{t('pipeline')}</dt><dd>{(m.pipeline ?? []).join(' → ')}</dd>
        <dt>{t('labels')}</dt><dd>{(m.labels ?? []).map((l) => `${findingName({ label: l.name, code: l.code })} (${t('threshold', { n: Math.round(l.threshold * 100) })})`).join(' · ')}</dd>
        <dt>{t('score')}</dt><dd>{m.calibrated ? t('calibrated') : t('notCalibrated')}</dd>
        <dt>{t('device')}</dt><dd>{m.device}{(m.fallbacks ?? []).length > 0 && <span class="muted"> – {t('fallbacks')}: {(m.fallbacks ?? []).join('; ')}</span>}</dd>
        <dt>{t('licence')}</dt><dd>{m.licence}</dd>
        <dt>{t('digest')}</dt><dd class="num break">{m.digest}</dd>
      </dl>
      {m.card && <details class="fold"><summary>{t('card')}</summary><pre class="card-text">{m.card}</pre></details>}
    </article>
  );
}

/** Try reads one picture at once with every model that fits. */
function Try(_: { session: Session }) {
  const [busy, setBusy] = useState(false), [error, setError] = useState(''), [list, setList] = useState<Result[] | null>(null);
  const send = async (file: File | undefined): Promise<void> => {
    if (!file) return;
    setBusy(true); setError(''); setList(null);
    try { setList((await upload<{ analyses: Result[] }>('/analyze', file)).analyses); } catch (e) { setError((e as Error).message); }
    setBusy(false);
  };
  return (
    <article class="box">
      <h2>{t('tryModel')}</h2>
      <p class="muted">{t('tryHint')}</p>
      <input type="file" accept=".dcm,.png,.jpg,.jpeg,application/dicom,image/png,image/jpeg" aria-label={t('tryModel')} disabled={busy} onChange={(e) => void send(e.currentTarget.files?.[0])} />
      {busy && <p role="status">{t('running')} …</p>}
      {error && <p role="alert" class="bad">{error}</p>}
      {(list ?? []).map((r, i) => (
        <div key={i} class="tried"><b>{r.model.id} {r.model.version}</b>
          {r.gate.accepted ? <ul>{(r.findings ?? []).filter((f) => f.present || f.code).map((f) => <li key={f.label}>{findingName(f)}: {Math.round(f.probability * 100)} ({t('threshold', { n: Math.round(f.threshold * 100) })})</li>)}</ul>
            : <p class="muted">{t('notAnalysedBecause', { why: r.error ?? (r.gate.reasons ?? []).join('; ') })}</p>}
        </div>
      ))}
    </article>
  );
}
