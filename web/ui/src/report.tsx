import { useEffect, useRef, useState } from 'preact/hooks';
import { seg, write } from './api';
import { added, assessed, stated } from './findings';
import { date, findingName, moment, personName, t, type Key } from './i18n';
import type { PriorList } from './priors';
import type { Reporting, Texts } from './reporting';
import type { Delivery, Report, ReportFinding, Session, Study } from './types';

interface Props { study: Study; session: Session; reporting: Reporting; priors: PriorList; undecided: ReportFinding[]; onSign: () => void; onJump: (f: ReportFinding) => void; onNext: () => void }

export function ReportPanel({ study, session, reporting, priors, undecided, onSign, onJump, onNext }: Props) {
  const { report, reports } = reporting;
  const signer = session.user.role === 'radiologist' || session.user.role === 'admin', draft = report?.state === 'draft', second = report?.state === 'awaiting_second';
  const newest = reports[0]?.id === report?.id, [adding, setAdding] = useState<string | null>(null), ownAddendum = draft ? (report?.addenda ?? []).at(-1) : undefined;
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
      {report && <Lines report={report} study={study} />}
      {report && draft && signer && !ownAddendum?.text && <div class="acts compose"><span class="small muted">{t('compose')}</span>{(['en', 'zh'] as const).map((l) => <button key={l} title={t('composeTitle')} onClick={() => void reporting.compose(l)}>{l === 'en' ? 'English' : '中文'}</button>)}</div>}
      {report && (draft && signer
        ? ownAddendum && !ownAddendum.at ? <Text key={report.id} field="addendum" label="addendum" value={ownAddendum.text} reporting={reporting} /> : <>
          <Text key={`f${report.id}`} field="findings_text" label="findingsText" value={report.findings_text} reporting={reporting} />
          <Text key={`i${report.id}`} field="impression" label="impression" value={report.impression} reporting={reporting} />
        </> : <Texts report={report} />)}
      {report && <Signatures report={report} />}
      {report && !draft && !second && <Deliveries list={report.deliveries ?? []} />}
      {priors.list.some((p) => p.reports?.length) && <details class="fold"><summary>{t('priorReports')}</summary>{priors.list.flatMap((p) => (p.reports ?? []).slice(0, 1).map((r) => <article key={r.id} class="old"><h3>{date(p.study_date)} · {p.description}</h3><Lines report={r} study={null} /><Texts report={r} /><Signatures report={r} /></article>))}</details>}
      {adding !== null && <form class="impression" onSubmit={(e) => { e.preventDefault(); void reporting.follow(adding).then(() => setAdding(null)); }}><label>{t('addendum')}<textarea rows={3} maxLength={6000} required value={adding} onInput={(e) => setAdding(e.currentTarget.value)} /></label><button>{t('keep')}</button></form>}
      <footer>
        {draft && undecided.length > 0 && <button class="link" onClick={() => onJump(undecided[0] as ReportFinding)}>{t('decideFirst', { n: undecided.length })} <kbd>N</kbd></button>}
        {(draft || second) && (signer
          ? <button class="primary" disabled={draft && undecided.length > 0} onClick={onSign} title="Ctrl+Enter">{t(second ? 'cosign' : 'sign')} <kbd>Ctrl ⏎</kbd></button>
          : <span class="small muted">{t('onlyRadiologist')}</span>)}
        {second && signer && <button onClick={() => void reporting.reopen()}>{t('reopen')}</button>}
        {report?.state === 'signed' && newest && signer && <><button onClick={() => void reporting.follow()}>{t('amend')}</button><button onClick={() => setAdding(adding === null ? '' : null)}>{t('addendum')}</button></>}
        {report && <button onClick={() => window.print()}>{t('print')}</button>}
        <button onClick={onNext} title="Ctrl+→">{t('nextStudy')} →</button>
      </footer>
      {report && <Paper study={study} session={session} report={report} />}
      <span class="hidden" role="status">{t(study.state)}</span>
    </section>
  );
}

/** What the report says about the findings; a rejected one stays visible here, not in the document. */
function Lines({ report, study }: { report: Report; study: Study | null }) {
  const list = (report.findings ?? []).filter((f) => { const s = stated(f); return s.present && (s.code || added(f)); });
  if (list.length === 0) return <p class="small muted">{t(study && !assessed(study) ? 'noneAssessed' : 'noneAbove')}</p>;
  return <ul class="lines">{list.map((f) => <li key={f.id} class={f.decision}><i aria-hidden="true">{{ accepted: '✓', rejected: '✕', undecided: '?' }[f.decision]}</i><span>{findingName(stated(f))}{f.reading?.text ? ` – ${f.reading.text}` : ''}</span> <span class="muted">{t(f.decision)}{f.reason ? ` – ${f.reason}` : ''}</span></li>)}</ul>;
}

function Texts({ report: r }: { report: Report }) {
  const parts: [Key, string][] = [['findingsText', r.findings_text], ['impression', r.impression], ...(r.addenda ?? []).map((a): [Key, string] => ['addendum', a.text])];
  return <>{parts.filter(([, text]) => text).map(([k, text], i) => <div key={i}><h3>{t(k)}</h3><p class="text">{text}</p></div>)}</>;
}

function Signatures({ report: r }: { report: Report }) {
  return <>
    {r.signed_at && <p class="signed">✓ {t('signedBy', { who: personName(r.signed_by), when: moment(r.signed_at) })}</p>}
    {r.second_signed_at && <p class="signed">✓ {t('signedBy', { who: personName(r.second_signed_by ?? ''), when: moment(r.second_signed_at) })}</p>}
  </>;
}

/** The report as a sheet of paper: seen by the printer alone. */
function Paper({ study: s, session, report }: { study: Study; session: Session; report: Report }) {
  const final = report.state === 'signed' || report.state === 'superseded';
  return (
    <article class="paper" aria-hidden="true">
      <h1>{t('report')}{report.state === 'superseded' ? ` – ${t('superseded')}` : ''}</h1>
      {!final && <p><b>{t('draft').toUpperCase()} – {t('aiNotVerified')}</b></p>}
      <p>{personName(s.patient_name)} · {s.patient_sex} · {s.patient_birth_date && date(s.patient_birth_date)} · {s.patient_id}</p>
      <p>{s.description} · {date(s.study_date)} · {s.accession_number}</p>
      <Lines report={{ ...report, findings: (report.findings ?? []).filter((f) => f.decision !== 'rejected') }} study={s} />
      <Texts report={report} /><Signatures report={report} />
      <p class="small">{session.node.ae_title} · {report.sop_instance_uid} · {session.notice || t('notDiagnosis')}</p>
    </article>
  );
}

function Text({ field, label, value, reporting }: { field: keyof Texts; label: Key; value: string; reporting: Reporting }) {
  const [text, setText] = useState(value);
  const seen = useRef(value);
  useEffect(() => { // another reader's text comes in only where ours has not been touched
    if (value !== seen.current && text === seen.current) setText(value);
    seen.current = value;
  }, [value]);
  return (
    <label class="impression">{t(label)} <span class="small muted" role="status">{field === 'findings_text' ? '' : reporting.saving && t(reporting.saving)}</span>
      <textarea id={field} rows={field === 'findings_text' ? 2 : 3} maxLength={6000} value={text} placeholder={field === 'impression' ? t('impressionHint') : ''} onInput={(e) => { setText(e.currentTarget.value); reporting.write({ [field]: e.currentTarget.value }); }} />
    </label>
  );
}

export const deliveryWords = { queued: 'queued', sent: 'sentState', delivered: 'delivered', unprovable: 'unprovable', failed: 'failed' } as const;
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
  const accepted = (report.findings ?? []).filter((f) => f.decision === 'accepted' && (stated(f).code || added(f)));
  return (
    <dialog ref={dialog} class="signing" onClose={onClose} aria-labelledby="sign-title">
      <form onSubmit={submit}>
        <h2 id="sign-title">{t('signTitle')}</h2>
        <ul class="lines">{accepted.map((f) => <li key={f.id} class="accepted"><i aria-hidden="true">✓</i>{findingName(stated(f))}</li>)}</ul>
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
