import { createPortal } from 'preact/compat';
import { useEffect, useRef, useState } from 'preact/hooks';
import { get, seg, stream } from './api';
import { FindingsPanel } from './findings';
import { age, date, personName, t } from './i18n';
import { useReport } from './reporting';
import { ReportPanel, SignDialog } from './report';
import { go } from './route';
import { Stages } from './stages';
import { Toolbar } from './toolbar';
import type { Manifest, ReportFinding, Result, Session, Series, Study } from './types';
import { Pane } from './pane';
import type { Status, Viewport } from './viewport';
import { opened } from './worklist';

/** useStudy keeps a study fresh: every change of it on the node fetches it anew. */
function useStudy(uid: string): { study: Study | null; error: string } {
  const [study, setStudy] = useState<Study | null>(null);
  const [error, setError] = useState('');
  useEffect(() => {
    let busy = false, again = false, gone = false;
    const load = async (): Promise<void> => {
      if (busy) { again = true; return; }
      busy = true;
      try { const s = await get<Study>(`/studies/${uid}`); if (!gone) { setStudy(s); setError(''); } } catch (e) { if (!gone) setError((e as Error).message); }
      busy = false;
      if (again && !gone) { again = false; void load(); }
    };
    void load();
    const stop = stream.listen((c) => { if (!c || !c.study_uid || c.study_uid === uid) void load(); });
    return () => { gone = true; stop(); };
  }, [uid]);
  return { study, error };
}

export function StudyPage({ uid, session }: { uid: string; session: Session }) {
  const { study, error } = useStudy(uid);
  if (error && !study) return <main class="page"><p role="alert" class="bad">{error}</p><button onClick={() => go('/')}>{t('back')}</button></main>;
  if (!study) return <main class="page muted">{t('loading')}</main>;
  return <Reading study={study} session={session} stale={error} />;
}

/** firstSeries is the series that is shown first: the one of the top finding, else the first with images. */
function firstSeries(study: Study): Series | undefined {
  const top = study.reports?.[0]?.findings?.find((f) => f.finding.present && f.finding.code);
  const all = study.series ?? [];
  return all.find((s) => s.instances.some((i) => i.sop_instance_uid === top?.sop_instance_uid)) ?? all.find((s) => s.instances.some((i) => i.frames > 0)) ?? all[0];
}

function Reading({ study, session, stale }: { study: Study; session: Session; stale: string }) {
  const vp = useRef<Viewport | null>(null);
  const [status, setStatus] = useState<Status | null>(null);
  const [seriesUID, setSeries] = useState(() => firstSeries(study)?.series_uid ?? '');
  const [manifest, setManifest] = useState<Manifest | null>(null);
  const [problem, setProblem] = useState('');
  const reporting = useReport(study);
  const [finding, setFinding] = useState(0);
  const [heatOn, setHeat] = useState(false), [opacity, setOpacity] = useState(0.5);
  const [stagesOn, setStages] = useState(false), [stage, setStage] = useState<string | null>(null), [mix, setMix] = useState(1);
  const [textOn, setText] = useState(true), [signing, setSigning] = useState(false), [rejecting, setRejecting] = useState('');
  const report = reporting.report;
  // Findings of the patient come first and wait for a decision; technical ones (film quality) may be decided on.
  const present = (report?.findings ?? []).filter((f) => f.finding.present);
  const decidable = [...present.filter((f) => f.finding.code), ...present.filter((f) => !f.finding.code && f.finding.heatmap), ...present.filter((f) => !f.finding.code && !f.finding.heatmap)];
  const undecided = decidable.filter((f) => f.finding.code && f.decision === 'undecided');
  const current = decidable[Math.min(finding, decidable.length - 1)];
  const series = study.series?.find((s) => s.series_uid === seriesUID) ?? firstSeries(study);
  const instances = series?.instances.length ?? 0;

  useEffect(() => {
    if (!series) return;
    const control = new AbortController();
    setProblem('');
    get<Manifest>(`/series/${seg(series.series_uid)}/manifest?study=${seg(study.study_uid)}`, control.signal)
      .then(setManifest, (e: unknown) => { if (!control.signal.aborted) { setManifest(null); setProblem((e as Error).message); } });
    return () => control.abort();
  }, [series?.series_uid, instances]);

  const shownUID = status ? vp.current?.current?.uid : undefined;
  const results = (study.results ?? []).filter((r) => !shownUID || r.sop_instance_uid === shownUID);
  const staged = results.find((r) => r.id === current?.result_id && r.stages?.length) ?? results.find((r) => r.stages?.length);
  const onImage = current && current.sop_instance_uid === shownUID;

  useEffect(() => { vp.current?.heat(heatOn && onImage ? current.finding.heatmap ?? null : null); }, [heatOn, current?.id, shownUID, manifest, status?.quality === 'full']);
  useEffect(() => { if (vp.current) vp.current.heatOpacity = opacity; }, [opacity]);
  useEffect(() => { if (vp.current) vp.current.stageMix = mix; }, [mix]);
  useEffect(() => {
    const picked = staged?.stages?.find((s) => s.name === stage);
    vp.current?.stage(staged?.id ?? '', stagesOn && picked ? picked.name : null, picked?.values).catch((e: unknown) => setProblem((e as Error).message));
  }, [stage, stagesOn, staged?.id, status?.slot]);

  const show = (f: ReportFinding, i: number): void => {
    setFinding(i);
    const home = study.series?.find((s) => s.instances.some((x) => x.sop_instance_uid === f.sop_instance_uid));
    if (home && home.series_uid !== seriesUID) setSeries(home.series_uid);
    const slot = vp.current?.slots.findIndex((s) => s.uid === f.sop_instance_uid && s.frame === Math.max(1, f.frame)) ?? -1;
    if (slot >= 0) vp.current?.go(slot);
  };
  const step = (by: number): void => { const n = decidable.length; if (n) { const i = (finding + by + n) % n; show(decidable[i] as ReportFinding, i); } };
  const next = (): void => { const u = opened.order[opened.order.indexOf(study.study_uid) + 1]; go(u ? `/study/${u}` : '/'); };
  const mayDecide = report?.state === 'draft' && (session.user.role === 'radiologist' || session.user.role === 'admin');
  const decide = (d: 'accepted' | 'rejected' | 'undecided', reason = ''): void => { if (current && mayDecide) void reporting.decide(current.id, d, reason); };
  const moveSeries = (by: number): void => {
    const all = study.series ?? [], s = all[all.findIndex((x) => x.series_uid === series?.series_uid) + by];
    if (s) setSeries(s.series_uid);
  };

  useKeys((k, e) => {
    const v = vp.current;
    const acts: Record<string, () => void> = {
      n: () => step(1), N: () => step(-1), a: () => decide('accepted'), x: () => { if (current && mayDecide) setRejecting(current.id); }, m: () => setHeat((h) => !h),
      j: () => { setStages((s) => !s); setStage((s) => s ?? staged?.stages?.at(-1)?.name ?? null); }, u: () => setText((x) => !x), Enter: () => document.getElementById('impression')?.focus(),
      'ctrl+Enter': () => { if (mayDecide) setSigning(true); }, 'ctrl+ArrowRight': next, Backspace: () => go('/'),
      PageDown: () => moveSeries(1), PageUp: () => moveSeries(-1),
      ArrowDown: () => (v && v.slots.length > 1 ? v.go(v.index + (e.shiftKey ? 10 : 1)) : v?.pan(0, -40)), ArrowUp: () => (v && v.slots.length > 1 ? v.go(v.index - (e.shiftKey ? 10 : 1)) : v?.pan(0, 40)),
      ArrowLeft: () => v?.pan(40, 0), ArrowRight: () => v?.pan(-40, 0), Home: () => v?.go(0), End: () => v?.go(v.slots.length - 1),
      '+': () => v?.zoomBy(1.2), '-': () => v?.zoomBy(1 / 1.2), '=': () => v?.fit(), 0: () => v?.actual(), ' ': () => v?.reset(), i: () => v?.invertGrey(), r: () => v?.turn(1), R: () => v?.turn(-1),
      h: () => v?.flip(true), v: () => v?.flip(false), c: () => v?.play(), w: () => v?.setTool('window'), z: () => v?.setTool('zoom'), d: () => v?.setTool('length'), o: () => v?.setTool('ellipse'),
      q: () => v?.setTool('probe'), Escape: () => { v?.setTool('window'); setRejecting(''); }, 'ctrl+z': () => v?.undo(), 'ctrl+y': () => v?.redo(), Delete: () => v?.clearMeasures(),
    };
    const act = /^[1-9]$/.test(k) ? () => v?.choose(Number(k) - 1) : acts[k];
    act?.();
    return act !== undefined;
  });

  const pick = (name: string | null): void => { setStage(name); if (name) setStages(true); };
  return (
    <main class={`reading${stagesOn ? ' with-stages' : ''}`}>
      <h1 class="hidden">{personName(study.patient_name)}</h1>
      <Strip study={study} />
      <SeriesStrip study={study} active={series?.series_uid ?? ''} onPick={setSeries} />
      <section class="stagearea" aria-label={t('image')}>
        {(stale || problem) && <p role="alert" class="banner bad">{stale || problem}</p>}
        <Pane manifest={manifest} vp={vp} onStatus={setStatus} status={status} text={textOn} study={study} firstUID={current?.sop_instance_uid} unverified={unverified(study, report?.state)} stage={stagesOn ? stage : null} />
        <Toolbar vp={vp} status={status} stagesOn={stagesOn} textOn={textOn} onStages={() => { setStages(!stagesOn); if (!stage) setStage(staged?.stages?.at(-1)?.name ?? null); }} onText={() => setText(!textOn)} hasStages={!!staged} />
        {stagesOn && staged && <Stages result={staged} picked={stage} onPick={pick} mix={mix} onMix={setMix} />}
      </section>
      <aside class="side" aria-label={t('findings')}>
        <FindingsPanel
          study={study} report={report} results={results as Result[]} decidable={decidable} current={current} onShow={show} onDecide={(f, d, why) => void reporting.decide(f.id, d, why)} mayDecide={mayDecide}
          rejecting={rejecting} onRejecting={setRejecting} heatOn={heatOn} onHeat={() => setHeat(!heatOn)} opacity={opacity} onOpacity={setOpacity} notice={session.notice ?? ''}
        />
        <ReportPanel study={study} session={session} reporting={reporting} undecided={undecided} onSign={() => setSigning(true)} onJump={(f) => show(f, decidable.indexOf(f))} onNext={next} />
      </aside>
      {signing && report && <SignDialog report={report} session={session} undecided={undecided.length} sign={reporting.sign} onClose={() => setSigning(false)} />}
    </main>
  );
}

/** unverified: something on the page comes from a model and no person has signed it. */
export function unverified(study: Study, state: string | undefined): boolean {
  return state !== 'signed' && (study.results ?? []).some((r) => r.gate.accepted);
}

/** useKeys calls act with "ctrl+" and the key; true means that the key was used. */
function useKeys(act: (key: string, e: KeyboardEvent) => boolean): void {
  const latest = useRef(act);
  latest.current = act;
  useEffect(() => {
    const key = (e: KeyboardEvent): void => {
      const target = e.target as Element, ctrl = e.ctrlKey || e.metaKey;
      if (document.querySelector('dialog[open]') || e.altKey) return;
      if (target.closest('input:not([type=range]), textarea, select') && !(ctrl && e.key === 'Enter')) { if (e.key === 'Escape') (target as HTMLElement).blur(); return; }
      if (target.closest('input[type=range]') && e.key.startsWith('Arrow')) return;
      if (target.closest('button, a, summary') && (e.key === 'Enter' || e.key === ' ') && !ctrl) return;
      if (latest.current((ctrl ? 'ctrl+' : '') + e.key, e)) e.preventDefault();
    };
    document.addEventListener('keydown', key);
    return () => document.removeEventListener('keydown', key);
  }, []);
}

/** Strip puts the patient into the top bar. */
function Strip({ study }: { study: Study }) {
  const bar = document.getElementById('strip');
  if (!bar) return null;
  return createPortal(
    <>
      <strong>{personName(study.patient_name)}</strong>
      <span>{study.patient_sex} {age(study.patient_age, study.patient_birth_date, study.study_date)}</span>
      <span class="num">{study.patient_id}</span>
      <span class="muted">{[study.accession_number, study.description, date(study.study_date)].filter(Boolean).join(' · ')}</span>
    </>, bar);
}

function SeriesStrip({ study, active, onPick }: { study: Study; active: string; onPick: (uid: string) => void }) {
  return (
    <nav class="series" aria-label={t('series')}>
      {(study.series ?? []).map((s) => {
        const image = s.instances.filter((i) => i.frames > 0), mid = image[Math.floor((image.length - 1) / 2)];
        return (
          <button key={s.series_uid} aria-pressed={s.series_uid === active} onClick={() => onPick(s.series_uid)} title={s.description}>
            {mid ? <img src={`/api/v1/instances/${mid.sop_instance_uid}/preview?frame=${Math.max(1, Math.ceil(mid.frames / 2))}&w=256`} alt="" loading="lazy" /> : <span class="noimg">{s.modality}</span>}
            <span><b>{s.modality}</b> {image.length > 1 ? image.length : image.reduce((n, i) => n + i.frames, 0) || s.instances.length}</span>
            <small>{s.description || s.body_part}</small>
          </button>
        );
      })}
    </nav>
  );
}
