import { render } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { get, seg, stream } from './api';
import { clinical, FindingsPanel, stated, type Place } from './findings';
import { firstSeries, hang, rehang, sliced, staged as hangStages, type Hanging, type Hung } from './hanging';
import { Header } from './header';
import { age, date, findingName, personName, t } from './i18n';
import type { Box } from './marks';
import { Pane, type Shown } from './pane';
import { usePriors, Priors } from './priors';
import { useReport } from './reporting';
import { ReportPanel, SignDialog } from './report';
import { take } from './opening';
import { go } from './route';
import { Stages } from './stages';
import { Toolbar } from './toolbar';
import { Segments } from './segments';
import { outlineOf, regionIn, regionOf, within } from './regions';
import type { Region, ReportFinding, Result, Session, Study } from './types';
import { Viewport } from './viewport';
import { opened } from './worklist';

/** useStudy keeps a study fresh: every change of it on the node fetches it anew. */
function useStudy(uid: string): { study: Study | null; error: string } {
  const [study, setStudy] = useState<Study | null>(null);
  const [error, setError] = useState('');
  const [asked] = useState(() => take(uid).study); // while the page is drawn for the first time
  useEffect(() => {
    let busy = false, again = false, gone = false, first: Promise<Study> | null = asked;
    const load = async (): Promise<void> => {
      if (busy) { again = true; return; }
      busy = true;
      try { const s = await (first ?? get<Study>(`/studies/${uid}`)); first = null; if (!gone) { setStudy(s); setError(''); } } catch (e) { first = null; if (!gone) setError((e as Error).message); }
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

function Reading({ study, session, stale }: { study: Study; session: Session; stale: string }) {
  const vps = useRef<(Viewport | null)[]>([]);
  const [hanging, setHanging] = useState<Hanging>(() => hang(study)), [active, setActive] = useState(0), [linked, setLinked] = useState(true), before = useRef<Hanging | null>(null);
  const [lead, setLead] = useState<Viewport | null>(null), [shownUID, setShown] = useState(''), [segments, lay] = useState<Segments | null>(null), [header, setHeader] = useState(''), [calm, setCalm] = useState(false), [problem, setProblem] = useState('');
  const reporting = useReport(study), priors = usePriors(study, calm);
  const [finding, setFinding] = useState(0);
  const [heatOn, setHeat] = useState(false), [opacity, setOpacity] = useState(0.5), [floor, setFloor] = useState(0.15);
  const [stagesOn, setStages] = useState(false), [stage, setStage] = useState<string | null>(null), [mix, setMix] = useState(1);
  const [textOn, setText] = useState(true), [signing, setSigning] = useState(false), [rejecting, setRejecting] = useState('');
  const report = reporting.report;
  // Findings of the patient come first and wait for a decision; technical ones (film quality) may be decided on.
  const present = (report?.findings ?? []).filter((f) => stated(f).present);
  const decidable = [...present.filter(clinical), ...present.filter((f) => !clinical(f) && f.finding.heatmap), ...present.filter((f) => !clinical(f) && !f.finding.heatmap)];
  const undecided = decidable.filter((f) => clinical(f) && f.decision === 'undecided');
  const current = decidable[Math.min(finding, decidable.length - 1)];
  const here = hanging.panes[active];
  const studyOf = (uid: string | undefined): Study | undefined => (uid === study.study_uid ? study : priors.open[uid ?? '']);
  const modality = studyOf(here?.study)?.series?.find((s) => s.series_uid === here?.series)?.modality ?? '';

  useEffect(() => { const id = setTimeout(() => setCalm(true), 2000); return () => clearTimeout(id); }, []); // where there is no image to wait for
  useEffect(() => { if (!study.series?.some((s) => hanging.panes.some((p) => p?.series === s.series_uid))) setHanging(hang(study)); }, [study.series?.length]);
  useEffect(() => { // what the viewport that is worked in shows
    const v = vps.current[active] ?? null;
    setLead(v);
    window.radnodeViewport = v; // for tests, which compare the screen with the stored values
    if (!v) return;
    let timer = 0, uid = '';
    const stop = v.watch((s) => { if (s.quality === 'full' || s.quality === 'failed') setCalm(true); const next = v.current?.uid ?? ''; if (next !== uid) { uid = next; clearTimeout(timer); timer = window.setTimeout(() => setShown(uid), 60); } });
    return () => { stop(); clearTimeout(timer); };
  }, [active, hanging]);
  const others = (i: number): Viewport[] => vps.current.filter((v, k): v is Viewport => v !== null && k !== i && k < hanging.panes.length);
  const refer = (i: number): void => { const v = vps.current[i]; for (const o of others(i)) { o.reference = hanging.panes[i]?.study === study.study_uid || linked ? v?.current?.plane ?? null : null; o.paint(); } if (v) { v.reference = null; v.paint(); } };
  useEffect(() => refer(active), [active, hanging, shownUID]);
  vps.current.forEach((v, i) => {
    if (!v) return;
    v.onMove = (what, by) => { if (linked) for (const o of others(i)) o.follow(v, what, by); if (what === 'slot') refer(i); };
    v.onTap = (p) => tapped(v, p.x, p.y);
  });

  // What was computed of the image shown; before one is there, of a few: a long series has a result for each of its images.
  const results = (study.results ?? []).filter((r, i) => (shownUID ? r.sop_instance_uid === shownUID : i < 8));
  const staged = results.find((r) => r.id === current?.result_id && r.stages?.length) ?? results.find((r) => r.stages?.length);
  const picked = staged?.stages?.find((s) => s.name === stage);
  const measured = (uid: string, frame: number): Box[] => (heatOn ? study.results ?? [] : []).filter((r) => r.sop_instance_uid === uid && Math.max(1, r.frame ?? 0) === frame && r.measured?.length).slice(-1)
    .flatMap((r) => r.measured ?? []).flatMap((m) => m.regions.map((g, i) => ({ points: outlineOf(g), name: i === 0 && m.name === 'cardiothoracic_ratio' ? t('ctr', { value: m.value.toFixed(2) }) : '', on: false })));
  const boxes = (uid: string, frame: number): Box[] => measured(uid, frame).concat((report?.findings ?? []).filter((f) => f.sop_instance_uid === uid && Math.max(1, f.frame) === frame && f.decision !== 'rejected' && regionIn(f))
    .map((f) => ({ points: outlineOf(regionIn(f) as Region), name: findingName(stated(f)), on: f.id === current?.id })));
  const shown: Shown = { heat: heatOn ? current?.finding.heatmap ?? null : null, heatUID: current?.sop_instance_uid ?? '', opacity, floor, stage: stagesOn && staged && picked ? { result: staged, stage: picked } : null, staged: staged ?? null, mix, boxes, segments };

  /** setSegments lays a segmentation over the images, or takes it away. */
  const setSegments = (uid: string): void => {
    if (segments?.uid === uid) { lay(null); return; }
    Segments.open(uid).then((s) => {
      lay(s); setProblem('');
      const first = s.of.frames[Math.floor(s.of.frames.length / 2)]?.instance, home = study.series?.find((x) => x.instances.some((i) => i.sop_instance_uid === first));
      if (home && !hanging.panes.some((p) => p?.series === home.series_uid)) setSeries(home.series_uid);
      const v = vps.current[active], at = v?.slots.findIndex((x) => x.uid === first) ?? -1;
      if (at >= 0) v?.go(at);
    }, (e: unknown) => setProblem((e as Error).message));
  };
  const put = (i: number, p: Hung): void => setHanging((h) => ({ ...h, panes: h.panes.map((x, k) => (k === i ? p : x)) }));
  const setSeries = (uid: string): void => { const one = study.series?.find((s) => s.series_uid === uid); if (one?.modality === 'SEG' && one.instances[0]) { setSegments(one.instances[0].sop_instance_uid); return; } if (study.series?.some((s) => s.series_uid === uid)) put(active, { study: study.study_uid, series: uid }); };
  const layout = (rows: number, columns: number): void => { before.current = null; setHanging((h) => rehang(h, rows, columns, study)); if (active >= rows * columns) setActive(0); };
  const maximise = (i: number): void => {
    const h = before.current;
    if (h) { before.current = null; setHanging(h); setActive(Math.min(active, h.panes.length - 1)); } else if (hanging.panes.length > 1) { before.current = hanging; setActive(0); setHanging({ rows: 1, columns: 1, panes: [hanging.panes[i]] }); }
  };
  const compare = async (uid: string): Promise<void> => {
    const old = await priors.load(uid), series = old && (old.series?.find((s) => s.modality === modality && s.instances.some((x) => x.frames > 0)) ?? firstSeries(old));
    if (old && series) setHanging((h) => { before.current = null; const wide = h.panes.length > 1 ? h : rehang(h, 1, 2, study), at = active === 1 ? 0 : 1; return { ...wide, panes: wide.panes.map((p, i) => (i === at ? { study: old.study_uid, series: series.series_uid } : p)) }; });
  };

  const show = (f: ReportFinding, i: number): void => {
    setFinding(i);
    const at = hanging.panes.findIndex((_, k) => vps.current[k]?.slots.some((s) => s.uid === f.sop_instance_uid));
    const home = study.series?.find((s) => s.instances.some((x) => x.sop_instance_uid === f.sop_instance_uid)), v = vps.current[at];
    if (v) { setActive(at); v.go(v.slots.findIndex((s) => s.uid === f.sop_instance_uid && s.frame === Math.max(1, f.frame)), true); } else if (home) setSeries(home.series_uid);
  };
  /** tapped finds the finding whose evidence is strongest at a point of the image. */
  const tapped = (v: Viewport, x: number, y: number): void => {
    const at = v.current;
    if (!at) return;
    const said = decidable.map((f, i) => ({ f, i, e: f.sop_instance_uid === at.uid && Math.max(1, f.frame) === at.frame ? (regionIn(f) ? Number(within(outlineOf(regionIn(f) as Region), { x, y })) : f.finding.heatmap ? Viewport.evidence(f.finding.heatmap, x, y) : 0) : 0 })).filter((s) => s.e >= Math.max(floor, 0.3)).sort((a, b) => b.e - a.e)[0];
    if (said) { setFinding(said.i); if (said.f.finding.heatmap) setHeat(true); document.querySelector(`[data-finding-id="${CSS.escape(said.f.id)}"]`)?.scrollIntoView({ block: 'nearest' }); }
  };
  /** place is where a reader's finding lies: the newest mark on the image, if there is one. */
  const place = (): Place | null => {
    const v = vps.current[active], slot = v?.current, mark = v?.measures.filter((m) => m.slot === v.index).at(-1);
    if (!slot || here?.cut || here?.study !== study.study_uid) return null;
    return { instance: slot.uid, frame: slot.frame, ...(mark ? regionOf(mark, slot) : {}) };
  };
  const step = (by: number): void => { const n = decidable.length; if (n) { const i = (finding + by + n) % n; show(decidable[i] as ReportFinding, i); } };
  const next = (): void => { const u = opened.order[opened.order.indexOf(study.study_uid) + 1]; go(u ? `/study/${u}` : '/'); };
  const mayDecide = report?.state === 'draft' && (session.user.role === 'radiologist' || session.user.role === 'admin');
  const decide = (d: 'accepted' | 'rejected' | 'undecided', reason = ''): void => { if (current && mayDecide) void reporting.decide(current.id, d, reason); };
  const moveSeries = (by: number): void => {
    const all = study.series ?? [], s = all[all.findIndex((x) => x.series_uid === here?.series) + by];
    if (s) setSeries(s.series_uid);
  };
  const flipStages = (): void => { setStages(!stagesOn); setStage((s) => s ?? staged?.stages?.at(-1)?.name ?? null); };

  useKeys((k, e) => {
    const v = vps.current[active] ?? null, jump = e.shiftKey ? 10 : 1, stack = v && v.slots.length > 1;
    const acts: Record<string, () => void> = {
      n: () => step(1), N: () => step(-1), a: () => decide('accepted'), x: () => { if (current && mayDecide) setRejecting(current.id); }, m: () => setHeat((h) => !h),
      j: flipStages, u: () => setText((x) => !x), Enter: () => document.getElementById('impression')?.focus(), s: () => setLinked((l) => !l), y: () => setHeader(shownUID),
      F1: () => layout(1, 1), F2: () => layout(1, 2), F3: () => { const p = priors.list[0]; if (p) void compare(p.study_uid); }, F4: () => layout(2, 2), Tab: () => setActive((active + 1) % hanging.panes.length),
      'ctrl+Enter': () => { if (mayDecide) setSigning(true); }, 'ctrl+ArrowRight': next, Backspace: () => go('/'),
      PageDown: () => moveSeries(1), PageUp: () => moveSeries(-1),
      ArrowDown: () => (stack ? v.go(v.index + jump) : v?.pan(0, -40)), ArrowUp: () => (stack ? v.go(v.index - jump) : v?.pan(0, 40)),
      ArrowLeft: () => v?.pan(40, 0), ArrowRight: () => v?.pan(-40, 0), Home: () => v?.go(0), End: () => v?.go(v.slots.length - 1),
      '+': () => v?.zoomBy(1.2), '-': () => v?.zoomBy(1 / 1.2), '=': () => v?.fit(), 0: () => v?.actual(), ' ': () => v?.reset(), i: () => v?.invertGrey(), r: () => v?.turn(1), R: () => v?.turn(-1),
      h: () => v?.flip(true), v: () => v?.flip(false), c: () => v?.play(), w: () => v?.setTool('window'), z: () => v?.setTool('zoom'), d: () => v?.setTool('length'), o: () => v?.setTool('ellipse'),
      g: () => v?.setTool('angle'), k: () => v?.setTool('cobb'), b: () => v?.setTool('rectangle'), f: () => v?.setTool('freehand'), t: () => v?.setTool('arrow'), l: () => v?.setTool('lens'),
      q: () => v?.setTool('probe'), Escape: () => { v?.setTool('window'); setRejecting(''); }, 'ctrl+z': () => v?.undo(), 'ctrl+y': () => v?.redo(), Delete: () => v?.clearMeasures(),
    };
    if (k === 'Tab' && (hanging.panes.length < 2 || !(e.target as Element).closest('.pane'))) return false;
    const act = /^[1-9]$/.test(k) ? () => v?.choose(Number(k) - 1) : acts[k];
    act?.();
    return act !== undefined;
  });

  const beside = (): void => { const names = (staged?.stages ?? []).filter((s) => s.file).map((s) => s.name); if (here && names.length) { before.current = null; pick(null); setActive(0); setHanging(hangStages(here, names)); } };
  const pick = (name: string | null): void => { setStage(name); if (name) setStages(true); };
  const notVerified = unverified(study, report?.state);
  return (
    <main class={`reading${stagesOn ? ' with-stages' : ''}`}>
      <h1 class="hidden">{personName(study.patient_name)}</h1>
      <Strip study={study} />
      <nav class="series" aria-label={t('series')}>
        <SeriesStrip study={study} active={here?.series ?? ''} onPick={setSeries} calm={calm} />
        {segments && <ul class="small">{segments.of.segments.map((s) => <li key={s.number}><i class="swatch" style={{ background: `rgb(${s.colour.join()})` }} /> {s.label}</li>)}</ul>}
        <Priors priors={priors} active={here?.series ?? ''} onCompare={(uid) => void compare(uid)} onPick={(uid, series) => put(active, { study: uid, series })} />
      </nav>
      <section class="stagearea" aria-label={t('image')}>
        {(stale || problem) && <p role="alert" class="banner bad">{stale || problem}</p>}
        <div class="panes" style={{ gridTemplate: `repeat(${hanging.rows}, minmax(0, 1fr)) / repeat(${hanging.columns}, minmax(0, 1fr))` }}>
          {hanging.panes.map((p, i) => (
            <Pane key={i} hung={p} study={studyOf(p?.study)} prior={p !== undefined && p.study !== study.study_uid} active={i === active} many={hanging.panes.length > 1} text={textOn} firstUID={current?.sop_instance_uid} unverified={notVerified} shown={shown}
              onViewport={(v) => { vps.current[i] = v; if (i === active) { setLead(v); window.radnodeViewport = v; } }} onActivate={() => setActive(i)} onMaximise={() => maximise(i)} onProblem={setProblem} />
          ))}
        </div>
        <Toolbar v={lead} hanging={hanging} linked={linked} modality={modality} stagesOn={stagesOn} textOn={textOn} hasStages={!!staged} onStages={flipStages} onText={() => setText(!textOn)} onLink={() => setLinked(!linked)}
          onLayout={layout} onCuts={() => { if (here) { before.current = null; setActive(0); setHanging(sliced(here)); } }} onHeader={() => setHeader(shownUID)} />
        {stagesOn && staged && <Stages result={staged} picked={stage} onPick={pick} mix={mix} onMix={setMix} onBeside={beside} />}
      </section>
      <aside class="side" aria-label={t('findings')}>
        <FindingsPanel
          study={study} report={report} results={results as Result[]} decidable={decidable} current={current} onShow={show} onDecide={(f, d, why) => void reporting.decide(f.id, d, why)} mayDecide={mayDecide}
          reporting={reporting} place={place} rejecting={rejecting} onRejecting={setRejecting} heatOn={heatOn} onHeat={() => setHeat(!heatOn)} opacity={opacity} onOpacity={setOpacity} floor={floor} onFloor={setFloor} notice={session.notice ?? ''}
        />
        <ReportPanel study={study} session={session} reporting={reporting} priors={priors} undecided={undecided} onSign={() => setSigning(true)} onJump={(f) => show(f, decidable.indexOf(f))} onNext={next} />
      </aside>
      {header && <Header uid={header} onClose={() => setHeader('')} />}
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
  useEffect(() => {
    const bar = document.getElementById('strip');
    if (bar) render(<>
      <strong>{personName(study.patient_name)}</strong>
      <span>{study.patient_sex} {age(study.patient_age, study.patient_birth_date, study.study_date)}</span>
      <span class="num">{study.patient_id}</span>
      <span class="muted">{[study.accession_number, study.description, date(study.study_date)].filter(Boolean).join(' · ')}</span>
    </>, bar);
    return () => { if (bar) render(null, bar); };
  });
  return null;
}

/** SeriesStrip shows its small pictures when all is calm: nothing may delay the first image. */
export function SeriesStrip({ study, active, onPick, calm }: { study: Study; active: string; onPick: (uid: string) => void; calm: boolean }) {
  return (
    <>
      {(study.series ?? []).map((s) => {
        const image = s.instances.filter((i) => i.frames > 0), mid = image[Math.floor((image.length - 1) / 2)];
        return (
          <button key={s.series_uid} data-series={s.series_uid} aria-pressed={s.series_uid === active} onClick={() => onPick(s.series_uid)} title={s.description}>
            {mid && calm ? <img src={`/api/v1/instances/${seg(mid.sop_instance_uid)}/preview?frame=${Math.max(1, Math.ceil(mid.frames / 2))}&w=256`} alt="" loading="lazy" /> : <span class="noimg">{s.modality}</span>}
            <span><b>{s.modality}</b> {image.length > 1 ? image.length : image.reduce((n, i) => n + i.frames, 0) || s.instances.length}</span>
            <small>{s.description || s.body_part}</small>
          </button>
        );
      })}
    </>
  );
}
