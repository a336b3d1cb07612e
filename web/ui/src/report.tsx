import { useEffect, useRef, useState } from 'preact/hooks';
import { seg, write } from './api';
import { findingName, moment, personName, t } from './i18n';
import type { Reporting } from './reporting';
import type { Delivery, Report, ReportFinding, Session, Study } from './types';

interface Props { study: Study; session: Session; reporting: Reporting; undecided: ReportFinding[]; onSign: () => void; onJump: (f: ReportFinding) => void; onNext: () => void }

export function ReportPanel({ study, session, reporting, undecided, onSign, onJump, onNext }: Props) {
  const { report, reports } = reporting;
  const editable = report?.state === 'draft' && (session.user.role === 'radiologist' || session.user.role === 'admin');
  const newest = reports[0]?.id === report?.id;
  return (
    <section class="panel report" aria-labelledby="report-title">
      <header>
        <h2 id="report-title">{t('report')}</h2>
        {report && <span class={`state r-${report.state}`}>{t(report.state)}{report.predecessor ? ` · ${t('amends')}` : ''}</span>}
        {reports.length > 1 && <select aria-label={t('versions')} value={report?.id} onChange={(e) => reporting.pick(e.currentTarget.value)}>{reports.map((r, i) => <option key={r.id} value={r.id}>{reports.length - i} · {t(r.state)}</option>)}</select>}
      </header>
      {!report && <p class="note">{t('noReport')}</p>}
      {reporting.notice && <p role="alert" class="banner warn">{reporting.notice}</p>}
      {reporting.error && <p role="alert" class="banner bad">{reporting.error}</p>}
      {report && <Lines report={report} />}
      {report && (editable ? <Impression key={report.id} report={report} reporting={reporting} /> : report.impression && <><h3>{t('impression')}</h3><p class="text">{report.impression}</p></>)}
      {report?.signed_at && <p class="signed">✓ {t('signedBy', { who: personName(report.signed_by), when: moment(report.signed_at) })}</p>}
      {report && report.state !== 'draft' && <Deliveries list={report.deliveries ?? []} />}
      <footer>
        {report?.state === 'draft' && undecided.length > 0 && <button class="link" onClick={() => onJump(undecided[0] as ReportFinding)}>{t('decideFirst', { n: undecided.length })} <kbd>N</kbd></button>}
        {report?.state === 'draft' && ((session.user.role === 'radiologist' || session.user.role === 'admin')
          ? <button class="primary" disabled={undecided.length > 0} onClick={onSign} title="Ctrl+Enter">{t('sign')} <kbd>Ctrl ⏎</kbd></button>
          : <span class="small muted">{t('onlyRadiologist')}</span>)}
        {report?.state === 'signed' && newest && (session.user.role === 'radiologist' || session.user.role === 'admin') && <button onClick={() => void reporting.amend()}>{t('amend')}</button>}
        <button onClick={onNext} title="Ctrl+→">{t('nextStudy')} →</button>
      </footer>
      <span class="hidden" role="status">{t(study.state)}</span>
    </section>
  );
}

/** What the report says about the findings; a rejected one stays visible here, not in the document. */
function Lines({ report }: { report: Report }) {
  const list = (report.findings ?? []).filter((f) => f.finding.present && f.finding.code);
  if (list.length === 0) return <p class="small muted">{t('noneAbove')}</p>;
  return <ul class="lines">{list.map((f) => <li key={f.id} class={f.decision}><i aria-hidden="true">{{ accepted: '✓', rejected: '✕', undecided: '?' }[f.decision]}</i><span>{findingName(f.finding)}</span> <span class="muted">{t(f.decision)}{f.reason ? ` – ${f.reason}` : ''}</span></li>)}</ul>;
}

function Impression({ report, reporting }: { report: Report; reporting: Reporting }) {
  const [text, setText] = useState(report.impression);
  const seen = useRef(report.impression);
  useEffect(() => { // another reader's text comes in only where ours has not been touched
    if (report.impression !== seen.current && text === seen.current) setText(report.impression);
    seen.current = report.impression;
  }, [report.impression]);
  return (
    <label class="impression">{t('impression')} <span class="small muted" role="status">{reporting.saving && t(reporting.saving)}</span>
      <textarea id="impression" rows={3} maxLength={6000} value={text} placeholder={t('impressionHint')} onInput={(e) => { setText(e.currentTarget.value); reporting.impression(e.currentTarget.value); }} />
    </label>
  );
}

const deliveryWords = { queued: 'queued', sent: 'sentState', delivered: 'delivered', unprovable: 'unprovable', failed: 'failed' } as const;
const deliveryMarks = { queued: '…', sent: '✓', delivered: '✓✓', unprovable: '✓?', failed: '✕' } as const;

function Deliveries({ list }: { list: Delivery[] }) {
  const [error, setError] = useState('');
  if (list.length === 0) return <p class="small muted">{t('noDeliveries')}</p>;
  const retry = (d: Delivery): void => { setError(''); write('POST', `/deliveries/${seg(d.id)}/retry`).catch((e: unknown) => setError((e as Error).message)); };
  return (
    <div class="deliveries"><h3>{t('deliveries')}</h3>
      <ul aria-live="polite">{list.map((d) => (
        <li key={d.id} data-delivery={d.state}>
          <span class={`state d-${d.state}`}><i aria-hidden="true">{deliveryMarks[d.state]}</i>{t(deliveryWords[d.state])}</span>
          <b>{d.peer}</b> <span class="muted">{d.kind.toUpperCase()}{d.attempts > 1 ? ` · ${t('attempts', { n: d.attempts })}` : ''}{d.proof ? ` · ${t('proof', { what: d.proof })}` : ''}</span>
          {d.error && <span class="small bad">{d.error}</span>}
          {(d.state === 'failed' || (d.state === 'queued' && d.attempts > 0)) && <button onClick={() => retry(d)}>{t('retry')}</button>}
        </li>))}
      </ul>
      {error && <p role="alert" class="bad small">{error}</p>}
    </div>
  );
}

export function SignDialog({ report, session, undecided, sign, onClose }: { report: Report; session: Session; undecided: number; sign: (password: string) => Promise<string>; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [error, setError] = useState(''), [busy, setBusy] = useState(false);
  useEffect(() => { dialog.current?.showModal(); }, []);
  const submit = async (e: Event): Promise<void> => {
    e.preventDefault();
    setBusy(true);
    const failed = await sign(String(new FormData(e.target as HTMLFormElement).get('password')));
    setBusy(false);
    if (failed) setError(failed); else onClose();
  };
  const accepted = (report.findings ?? []).filter((f) => f.decision === 'accepted' && f.finding.code);
  return (
    <dialog ref={dialog} class="signing" onClose={onClose} aria-labelledby="sign-title">
      <form onSubmit={submit}>
        <h2 id="sign-title">{t('signTitle')}</h2>
        <ul class="lines">{accepted.map((f) => <li key={f.id} class="accepted"><i aria-hidden="true">✓</i>{findingName(f.finding)}</li>)}</ul>
        <p class="text">{report.impression || <span class="muted">—</span>}</p>
        {undecided > 0 && <p class="warn">{t('decideFirst', { n: undecided })}</p>}
        <label>{t('repeatPassword')} ({personName(session.user.full_name || session.user.name)})<input name="password" type="password" autocomplete="current-password" required maxLength={256} /></label>
        <input type="text" name="username" autocomplete="username" value={session.user.name} hidden readOnly />
        <p role="alert" class="bad">{error}</p>
        <div class="acts"><button type="button" onClick={onClose}>{t('cancel')}</button><button class="primary" disabled={busy || undecided > 0}>{t('signNow')}</button></div>
      </form>
    </dialog>
  );
}
