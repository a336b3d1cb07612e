import { useEffect, useState } from 'preact/hooks';
import { get, seg, stream, upload, write } from './api';
import { Chart } from './chart';
import { Bar } from './findings';
import { findingName, moment, t } from './i18n';
import { parameters } from './stages';
import type { Model, Result, Session } from './types';

export function Models({ session }: { session: Session }) {
  const [models, setModels] = useState<Model[] | null>(null), [error, setError] = useState('');
  useEffect(() => {
    const load = (): void => { get<{ models: Model[] }>('/models').then((a) => setModels(a.models), (e: unknown) => setError((e as Error).message)); };
    load();
    return stream.listen((c) => { if (!c || c.kind === 'model') load(); });
  }, []);
  const [tests, setTests] = useState<SelfTest[] | null>(null), [testing, setTesting] = useState(false);
  const verify = async (): Promise<void> => {
    setTesting(true); setError('');
    try { setTests((await write<{ tests: SelfTest[] }>('POST', '/models/verify')).tests); } catch (e) { setError((e as Error).message); }
    setTesting(false);
  };
  useEffect(() => { if (models && location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView(); }, [models !== null]);
  return (
    <main class="page">
      <h1>{t('models')}</h1>
      {error && <p role="alert" class="banner bad">{error}</p>}
      {!models && !error && <p class="muted">{t('loading')}</p>}
      <header class="inline">{models && session.user.role !== 'service' && <button disabled={testing} onClick={() => void verify()}>{testing ? `${t('running')} …` : t('selfTest')}</button>}</header>
      {models?.length === 0 && <p class="note">{t('noModels')}</p>}
      {(models ?? []).map((m) => <Card key={m.id + m.version} m={m} tests={tests?.filter((x) => x.model === `${m.id}@${m.version}`) ?? null} uses={session.user.role !== 'service'} />)}
      <Try />
    </main>
  );
}

interface SelfTest { model: string; case: string; device: string; deviation: number; tolerance: number; ok: boolean; reason: string }

function Card({ m, tests, uses }: { m: Model; tests: SelfTest[] | null; uses: boolean }) {
  const ok = m.state === 'ready' || m.state === 'active';
  return (
    <article class="box" id={m.id}>
      <header><h2>{m.name} <small class="muted">{m.id} {m.version}</small></h2><span class={ok ? 'state delivered' : 'state undelivered'}>{ok ? t('ready') : t('refused')}</span></header>
      {m.error && <p class="bad">{m.error}</p>}
      {tests?.map((x) => <p key={x.case} class={x.ok ? 'good' : 'bad'} role="status">{x.ok ? '✓' : '✕'} {t('selfTest')} {x.case} · {x.device} · {x.deviation.toExponential(1)} ≤ {x.tolerance.toExponential(1)}{x.reason && ` · ${x.reason}`}</p>)}
      <dl class="facts">
        <dt>{t('intendedUse')}</dt><dd>{m.intended_use}</dd>
        <dt>{t('notFor')}</dt><dd>{(m.not_for ?? []).join(' · ') || '—'}</dd>
        <dt>{t('evaluation')}</dt><dd>{m.evaluation}</dd>
        <dt>{t('accepts')}</dt><dd>{(m.gate ?? []).join(' · ')}</dd>
        <dt>{t('pipeline')}</dt><dd><span class="flow">{(m.pipeline ?? []).map((s, i) => <b key={i}>{s}</b>)}</span></dd>
        <dt>{t('labels')}</dt><dd>{(m.labels ?? []).map((l) => `${findingName({ label: l.name, code: l.code })} (${t('threshold', { n: Math.round(l.threshold * 100) })})`).join(' · ')}</dd>
        <dt>{t('score')}</dt><dd>{m.calibrated ? t('calibrated') : t('notCalibrated')}</dd>
        <dt>{t('device')}</dt><dd>{m.device}{(m.fallbacks ?? []).length > 0 && <span class="muted"> – {t('fallbacks')}: {(m.fallbacks ?? []).join('; ')}</span>}</dd>
        <dt>{t('licence')}</dt><dd>{m.licence}</dd>
        <dt>{t('digest')}</dt><dd class="num break">{m.digest}</dd>
      </dl>
      {uses && <Use m={m} />}
      {m.card && <details class="fold"><summary>{t('card')}</summary><pre class="card-text">{m.card}</pre></details>}
    </article>
  );
}

interface Used { since: string | null; read: number; refused: number; failed: number; median_ms: number; p95_ms: number; error?: string; error_at?: string
  labels: { label: string; present: number; scores: number[]; accepted: number; edited: number; rejected: number }[] }

/** Use tells how a model fared lately: what it said, and what readers made of it. */
function Use({ m }: { m: Model }) {
  const [used, setUsed] = useState<Used | null>(null), [error, setError] = useState('');
  const load = (): void => { get<Used>(`/models/${seg(m.id)}/versions/${seg(m.version)}/use`).then((u) => { setUsed(u); setError(''); }, (e: unknown) => setError((e as Error).message)); };
  const code = (label: string) => m.labels?.find((l) => l.name === label);
  return (
    <details class="fold" onToggle={(e) => { if (e.currentTarget.open) load(); }}><summary>{t('use')}</summary>
      {error && <p role="alert" class="bad">{error}</p>}
      {used && (used.since ? <p>{t('usedSince', { when: moment(used.since), read: used.read, refused: used.refused, failed: used.failed })}{used.read > 0 && <span class="num"> · {t('usedMs', { median: used.median_ms.toFixed(0), p95: used.p95_ms.toFixed(0) })}</span>}</p> : <p class="muted">{t('unused')}</p>)}
      {used?.error && <p class="bad">{t('lastError')}: {used.error} <span class="muted">{moment(used.error_at ?? '')}</span></p>}
      {used && used.labels.length > 0 && <div class="charts">{used.labels.map((l) => (
        <Chart key={l.label} name={findingName({ label: l.label, code: code(l.label)?.code ?? null })}
          note={`${t('usedPresent', { n: l.present, at: Math.round((code(l.label)?.threshold ?? 0) * 100) })} · ${t('usedDecided', { accepted: l.accepted, edited: l.edited, rejected: l.rejected })}`}
          values={l.scores} labels={l.scores.map((_, i) => `${t('score')} ${10 * i}–${10 * i + 10}`)} />))}</div>}
    </details>
  );
}

/** Try reads one picture at once with every model that fits. */
function Try() {
  const [busy, setBusy] = useState(false), [error, setError] = useState(''), [list, setList] = useState<Result[] | null>(null), [shown, setShown] = useState('');
  useEffect(() => () => URL.revokeObjectURL(shown), [shown]);
  const send = async (file: File | undefined): Promise<void> => {
    if (!file) return;
    setBusy(true); setError(''); setList(null); setShown(file.type.startsWith('image/') && file.type !== 'image/dicom' ? URL.createObjectURL(file) : '');
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
      <div class="inline">{shown && <img class="upload" src={shown} alt={t('image')} />}</div>
      {(list ?? []).map((r, i) => (
        <div key={i} class="tried"><b>{r.model.id} {r.model.version}</b> {r.gate.accepted && <span class="muted num">{r.device} · {(r.timings_ms.decode + r.timings_ms.preprocess + r.timings_ms.inference).toFixed(0)} ms</span>}
          {r.gate.accepted ? <>
            <p class="ai">{t('aiNotVerified')}</p>
            <ul>{(r.findings ?? []).filter((f) => f.present || f.code).map((f) => <li key={f.label}><Bar f={f} /></li>)}</ul>
            {r.stages && <p class="flow">{r.stages.map((s) => <b key={s.name} title={parameters(s.parameters)}>{s.step} <small class="num">{s.ms.toFixed(1)} ms</small></b>)}</p>}
          </> : <p class="muted">{t('notAnalysedBecause', { why: r.error ?? (r.gate.reasons ?? []).join('; ') })}</p>}
        </div>
      ))}
    </article>
  );
}
