import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { vocabulary } from './api';
import { currentLanguage, findingName, learn, moment, personName, t, type Key } from './i18n';
import type { Reporting } from './reporting';
import { go } from './route';
import { whyNot } from './worklist';
import type { Decision, Finding, Measurement, Region, Report, ReportFinding, Result, Study, Term, UID } from './types';

const reasons: Key[] = ['wrongPlace', 'wrongLabel', 'notPresent', 'artefact', 'known'];

/** stated is the finding as it stands in the report: as the reader states it, else as the model does. */
export function stated(f: ReportFinding): Finding {
  return f.reading ? { ...f.finding, label: f.reading.label, code: f.reading.code, present: true } : f.finding;
}

/** clinical: it is about the patient, not about the picture; a reader's own finding always is. */
export const clinical = (f: ReportFinding): boolean => stated(f).code !== null || added(f);
export const added = (f: ReportFinding): boolean => f.model.id === '';

interface Props {
  study: Study; report: Report | null; results: Result[]; decidable: ReportFinding[]; current: ReportFinding | undefined;
  onShow: (f: ReportFinding, i: number) => void; onDecide: (f: ReportFinding, d: Decision, why: string) => void; mayDecide: boolean;
  reporting: Reporting; place: () => Place | null; rejecting: string; onRejecting: (id: string) => void; heatOn: boolean; onHeat: () => void; opacity: number; onOpacity: (o: number) => void; floor: number; onFloor: (f: number) => void; notice: string;
}

export function FindingsPanel(p: Props) {
  const { study, report, results, decidable } = p;
  const others = (report?.findings ?? []).filter((f) => !stated(f).present);
  const none = !decidable.some(clinical), [adding, setAdding] = useState(false), terms = useTerms();
  const below = others.filter(clinical), technical = others.filter((f) => !clinical(f));
  const refused = report?.not_analysed ?? [];
  const unverified = (study.results ?? []).some((r) => r.gate.accepted);
  const closed = (study.results ?? []).filter((r) => !r.gate.accepted || r.error);
  const unread = refused.length > 0 ? refused : closed.map((r) => `${r.model.id}: ${t('notAnalysedBecause', { why: r.error ?? (r.gate.reasons ?? []).join('; ') })}`);
  const reasons = new Map<string, number>(); // of a long series every image is refused for the same one
  for (const r of unread) reasons.set(r, (reasons.get(r) ?? 0) + 1);
  return (
    <section class="panel findings" aria-labelledby="findings-title">
      <header>
        <h2 id="findings-title">{t('findings')}</h2>
        {report?.state === 'signed' ? <span class="verified">{t('verifiedBy', { who: personName(report.signed_by) })}</span> : unverified && <span class="ai">{t('aiNotVerified')}</span>}
      </header>
      {study.state === 'not_analysed' && <p class="note">{t('notAnalysedBecause', { why: whyNot(study) })}</p>}
      {study.state === 'analysing' && <p class="note">{t('running')} …</p>}
      {study.state === 'arriving' && <p class="note">{t('stillArriving')} …</p>}
      {report && none && <p class={assessed(study) ? 'note' : 'note warn'}>{t(assessed(study) ? 'noneAbove' : 'noneAssessed')}</p>}
      <ol class="cards">{decidable.map((f, i) => <Card key={f.id} f={f} i={i} p={p} terms={terms} calibrated={calibrated(study, f)} />)}</ol>
      {p.mayDecide && (adding ? <Statement f={null} p={p} terms={terms} onDone={() => setAdding(false)} /> : <button class="start" onClick={() => setAdding(true)}>+ {t('ownFinding')}</button>)}
      {p.current && <Heat p={p} />}
      {technical.length > 0 && <Fold title={t('quality')} open={none}>{quality(technical.map((f) => f.finding)).map((f) => <Bar key={f.label} f={f} />)}</Fold>}
      {below.length > 0 && <Fold title={t('below', { n: below.length })}>{below.map((f) => <Bar key={f.id} f={f.finding} />)}</Fold>}
      {unread.length > 0 && <Fold title={t('notAssessed', { n: unread.length })} open={none}>{[...reasons].map(([r, n]) => <p key={r} class="small">{r}{n > 1 ? ` (× ${n})` : ''}</p>)}</Fold>}
      {(study.warnings ?? []).length > 0 && <Fold title={t('warnings')} open>{(study.warnings ?? []).map((w) => <p key={w} class="small warn">{w}</p>)}</Fold>}
      <Features results={results} />
      <Provenance results={results} />
      <p class="small muted">{p.notice || t('notDiagnosis')}</p>
    </section>
  );
}

/** assessed: some model looked for findings of the patient; one that tells of the film's quality alone says nothing of them. */
export function assessed(study: Study): boolean {
  return (study.results ?? []).some((r) => r.gate.accepted && !r.error && (r.findings ?? []).some((x) => x.code));
}

function calibrated(study: Study, f: ReportFinding): boolean {
  return study.results?.find((r) => r.id === f.result_id)?.provenance?.calibrated ?? false;
}

/** quality keeps of an exclusive group (orientation) the label that was chosen. */
function quality(list: Finding[]): Finding[] {
  return list.filter((f) => f.present || !f.label.startsWith('orientation_'));
}

function Card({ f, i, p, terms, calibrated }: { f: ReportFinding; i: number; p: Props; terms: Term[]; calibrated: boolean }) {
  const on = p.current?.id === f.id, score = Math.round(f.finding.probability * 100), own = added(f), says = stated(f), [editing, setEditing] = useState(false);
  const ref = useRef<HTMLLIElement>(null);
  useEffect(() => { if (on) ref.current?.scrollIntoView({ block: 'nearest' }); }, [on]);
  return (
    <li ref={ref} class={`card ${f.decision}${on ? ' on' : ''}`} onClick={() => p.onShow(f, i)} data-finding={f.finding.label} data-finding-id={f.id}>
      <button class="title" aria-current={on} onClick={() => p.onShow(f, i)}><b>{findingName(says)}</b>{!own && !numeric(f.finding) && <span class="score num">{score}<small>/100</small></span>}</button>
      {!own && !numeric(f.finding) && <Meter f={f.finding} />}
      {!own && <Doubt f={f.finding} />}
      {!own && !numeric(f.finding) && <p class="small">{calibrated ? <b>{t(wordsFor(f.finding.probability))}</b> : <b>{t(f.finding.present ? 'aboveThreshold' : 'belowThreshold')}</b>} <span class="muted">· {calibrated ? t('probability') : t('score')} · {f.finding.threshold > 0 ? t('threshold', { n: Math.round(f.finding.threshold * 100) }) : t('largestOfGroup')}</span></p>}
      {!own && <p class="small muted"><a href="/models" title={f.model.digest} onClick={(e) => { e.preventDefault(); e.stopPropagation(); go(`/models#${f.model.id}`); }}>{f.model.id} {f.model.version} ↗</a></p>}
      {f.reading && <p class="small">{own ? t('by', { what: t('ownFinding'), who: f.reading.by }) : `${t('modelSaid', { what: findingName(f.finding) })}${f.reading.reason ? ` – ${f.reading.reason}` : ''}`}{f.reading.text && <><br />{f.reading.text}</>}{f.reading.measurement && <><br /><span class="num">{f.reading.measurement.value} {f.reading.measurement.unit}</span></>}</p>}
      {f.decision !== 'undecided' && <p class={`decision ${f.decision}`}>{f.decision === 'accepted' ? '✓ ' : '✕ '}{t('by', { what: t(f.decision), who: f.decided_by })}{f.reason ? ` – ${f.reason}` : ''}{f.decided_at ? <span class="muted"> {moment(f.decided_at)}</span> : null}</p>}
      {editing && <Statement f={f} p={p} terms={terms} onDone={() => setEditing(false)} />}
      {p.mayDecide && p.rejecting !== f.id && !editing && (
        <div class="acts">
          {f.decision !== 'accepted' && <button class="yes" onClick={(e) => { e.stopPropagation(); p.onDecide(f, 'accepted', ''); }}>{t('accept')} <kbd>A</kbd></button>}
          {f.decision !== 'rejected' && <button class="no" onClick={(e) => { e.stopPropagation(); p.onShow(f, i); p.onRejecting(f.id); }}>{t('reject')} <kbd>X</kbd></button>}
          {f.decision !== 'undecided' && !own && <button onClick={(e) => { e.stopPropagation(); p.onDecide(f, 'undecided', ''); }}>{t('undo')}</button>}
          <button onClick={(e) => { e.stopPropagation(); setEditing(true); }}>{t('edit')}</button>
        </div>
      )}
      {p.rejecting === f.id && <Why onDone={(why) => { p.onRejecting(''); p.onDecide(f, 'rejected', why); }} />}
    </li>
  );
}

/** numeric: the number of a regression has no probability. */
const numeric = (f: Finding): boolean => !!f.measurement && !f.heatmap && !f.region && f.present && f.probability === 0 && f.threshold === 0;

/** Doubt tells what was measured, how far the score moves under small changes of the image, and what other models say. */
function Doubt({ f }: { f: Finding }) {
  const share = (p: number): number => Math.round(p * 100), i = f.interval, a = f.agreement;
  return (
    <>
      {f.measurement && <p class="small num">{f.measurement.name}: {+f.measurement.value.toPrecision(4)} {f.measurement.unit === '1' ? '' : f.measurement.unit}</p>}
      {f.undecided && <p class="small warn">{t('tooClose')}</p>}
      {i && <p class={i.low < f.threshold && i.high >= f.threshold ? 'small warn' : 'small muted'}>{t('spread', { low: share(i.low), high: share(i.high), n: i.runs })}</p>}
      {a && <p class={a.present > 0 && a.present < a.models ? 'small warn' : 'small muted'}>{t('agreement', { n: a.present, all: a.models, low: share(a.low), high: share(a.high) })}</p>}
    </>
  );
}

/** The place a reader has marked on the image that is worked in. */
export interface Place { instance: UID; frame: number; region?: Region | undefined; measurement?: Measurement | undefined }

function useTerms(): Term[] {
  const [terms, set] = useState<Term[]>([]);
  useEffect(() => { vocabulary().then((list) => { learn(list); set(list); }, () => undefined); }, []); // without them any word may be written
  return terms;
}

/** Statement is the reader's own finding, or what the reader states in place of a model. */
function Statement({ f, p, terms, onDone }: { f: ReportFinding | null; p: Props; terms: Term[]; onDone: () => void }) {
  const says = f && stated(f), [failed, setFailed] = useState('');
  const send = async (e: Event): Promise<void> => {
    e.preventDefault();
    const d = new FormData(e.target as HTMLFormElement), word = String(d.get('what')).trim(), place = p.place();
    const term = terms.find((x) => [x.en, x.zh, x.label].some((w) => w.toLowerCase() === word.toLowerCase()));
    const region = d.get('marked') && place?.region ? { region: place.region, ...(place.measurement ? { measurement: place.measurement } : {}) } : {};
    const label = says && word === findingName(says) ? {} : { label: term?.label ?? word };
    if (!f && !place) { setFailed(t('noImages')); return; }
    const why = await p.reporting.state(f?.id ?? null, { ...label, text: String(d.get('text')), ...region, ...(f ? (added(f) ? {} : { reason: String(d.get('reason')) }) : { instance: place?.instance ?? '', frame: place?.frame ?? 0 }) });
    if (why) setFailed(why); else onDone();
  };
  return (
    <form class="statement" onSubmit={(e) => void send(e)} onClick={(e) => e.stopPropagation()} onKeyDown={(e) => { if (e.key === 'Escape') onDone(); }}>
      <label>{t('finding')}<input name="what" list="terms" required maxLength={64} autocomplete="off" defaultValue={says ? findingName(says) : ''} ref={(x) => { if (x && !f) x.focus(); }} /></label>
      <datalist id="terms">{terms.map((x) => <option key={x.label} value={currentLanguage() === 'zh' ? x.zh : x.en} />)}</datalist>
      <label>{t('words')}<input name="text" maxLength={1000} defaultValue={f?.reading?.text ?? ''} /></label>
      {f && !added(f) && <label>{t('reason')}<input name="reason" maxLength={256} defaultValue={f.reading?.reason ?? ''} /></label>}
      <label class="switch"><input type="checkbox" name="marked" defaultChecked={!f} />{t('withMark')}</label>
      {failed && <p role="alert" class="bad small">{failed}</p>}
      <div class="acts"><button class="primary">{t('keep')}</button><button type="button" onClick={onDone}>{t('cancel')}</button></div>
    </form>
  );
}

/** Words for a calibrated probability, in steps that a reader tells apart. */
function wordsFor(p: number): Key {
  return p < 0.1 ? 'veryUnlikely' : p < 0.35 ? 'unlikely' : p < 0.65 ? 'possible' : p < 0.9 ? 'likely' : 'veryLikely';
}

/** Why asks for one reason and takes none for an answer: forced clicking teaches to dismiss without looking. */
function Why({ onDone }: { onDone: (reason: string) => void }) {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => { box.current?.querySelector('button')?.focus(); }, []); // before the next key comes
  const key = (e: KeyboardEvent): void => {
    const n = Number(e.key);
    if (e.key === 'Escape') onDone(''); else if (n >= 1 && n <= reasons.length) onDone(t(reasons[n - 1] as Key)); else return;
    e.preventDefault(); e.stopPropagation();
  };
  return (
    <div class="why" ref={box} role="group" aria-label={t('whyReject')} onKeyDown={key} onClick={(e) => e.stopPropagation()}>
      <p class="small">{t('whyReject')}</p>
      {reasons.map((r, i) => <button key={r} onClick={() => onDone(t(r))}><kbd>{i + 1}</kbd> {t(r)}</button>)}
    </div>
  );
}

/** Meter draws the score with the operating threshold on it. */
function Meter({ f }: { f: Finding }) {
  const score = Math.round(f.probability * 100), mark = Math.round(f.threshold * 100);
  return (
    <div class={f.present ? 'meter over' : 'meter'} role="meter" aria-valuemin={0} aria-valuemax={100} aria-valuenow={score} aria-label={findingName(f)} aria-valuetext={`${score}, ${t('threshold', { n: mark })}`}>
      <i style={{ width: `${score}%` }} /><u style={{ left: `${mark}%` }} />
    </div>
  );
}

export function Bar({ f }: { f: Finding }) {
  return <div class="barline"><span>{findingName(f)}</span><Meter f={f} /><span class="num">{Math.round(f.probability * 100)}</span></div>;
}

function Heat({ p }: { p: Props }) {
  const map = p.current?.finding.heatmap;
  return (
    <div class="heat">
      <label class="switch"><input type="checkbox" checked={p.heatOn && !!map} disabled={!map} onChange={p.onHeat} />{t('heatmap')} <kbd>M</kbd></label>
      {map ? (
        <>
          <label class="slider">{t('opacity')}<input type="range" min={0} max={1} step={0.05} value={p.opacity} disabled={!p.heatOn} onInput={(e) => p.onOpacity(Number(e.currentTarget.value))} /></label>
          <label class="slider">{t('from_')}<input type="range" min={0} max={0.9} step={0.05} value={p.floor} disabled={!p.heatOn} onInput={(e) => p.onFloor(Number(e.currentTarget.value))} /></label>
          <div class="legend" aria-hidden={!p.heatOn}><span>{t('low')}</span><i /><span>{t('high')}</span><em>{t('heatLegend')}</em></div>
        </>
      ) : <span class="small muted">{t('noHeatmap')}</span>}
    </div>
  );
}

export function Fold({ title, open, children }: { title: string; open?: boolean; children: preact.ComponentChildren }) {
  return <details class="fold" open={open ?? false}><summary>{title}</summary>{children}</details>;
}

function Features({ results }: { results: Result[] }) {
  const rows = results.flatMap((r) => Object.entries(r.features ?? {}).map(([k, v]) => ({ k, v, model: r.model.id })));
  if (rows.length === 0) return null;
  return (
    <Fold title={`${t('features')} (${rows.length})`}>
      <table class="small"><thead><tr><th scope="col">{t('title')}</th><th scope="col">{t('value')}</th></tr></thead>
        <tbody>{rows.map((r) => <tr key={r.model + r.k}><td>{r.k}</td><td class="num">{+r.v.toPrecision(5)}</td></tr>)}</tbody></table>
    </Fold>
  );
}

function Provenance({ results }: { results: Result[] }) {
  if (results.length === 0) return null;
  return (
    <Fold title={t('provenance')}>
      {results.map((r) => (
        <dl class="small facts" key={r.id}>
          <dt>{t('model')}</dt><dd>{r.model.id} {r.model.version}</dd>
          <dt>{t('digest')}</dt><dd class="num">{r.model.digest.slice(0, 26)}…</dd>
          <dt>{t('device')}</dt><dd>{r.device} · ONNX Runtime {r.provenance?.runtime}</dd>
          <dt>ms</dt><dd class="num">{r.timings_ms.decode.toFixed(0)} + {r.timings_ms.preprocess.toFixed(0)} + {r.timings_ms.inference.toFixed(0)}</dd>
          <dt>{t('when')}</dt><dd>{moment(r.created_at)}</dd>
          {(r.gate.reasons ?? []).map((g) => <dd key={g} class="wide warn">{g}</dd>)}
          {(r.provenance?.fallbacks ?? []).map((g) => <dd key={g} class="wide muted">{g}</dd>)}
          {r.provenance?.evaluation && <dd class="wide muted">{r.provenance.evaluation}</dd>}
        </dl>
      ))}
    </Fold>
  );
}
