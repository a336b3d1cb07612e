import { useEffect, useRef, useState } from 'preact/hooks';
import { APIError, seg, write } from './api';
import { t } from './i18n';
import type { Concept, Decision, Measurement, Region, Report, Study, UID } from './types';

export type Texts = Partial<Record<'findings_text' | 'impression' | 'addendum', string>>;
/** What a reader states of a finding: a new one names its image. */
export interface ReadingChange { label?: string; code?: Concept; text?: string; instance?: UID; frame?: number; region?: Region; measurement?: Measurement; reason?: string }

export interface Reporting {
  report: Report | null; reports: Report[]; notice: string; error: string; saving: 'saved' | 'saving' | 'notSaved' | '';
  decide: (finding: string, d: Decision, reason: string) => Promise<void>;
  state: (finding: string | null, c: ReadingChange) => Promise<string>;
  write: (texts: Texts) => void;
  compose: (language: string) => Promise<string>;
  sign: (password: string) => Promise<string>;
  reopen: () => Promise<string>;
  /** follow opens a draft after a signed report: an amendment, or an addendum of one text. */
  follow: (addendum?: string) => Promise<void>;
  pick: (id: string) => void;
}

/** useReport holds the report on screen. Writes go one after the other, each with the version the one before gave. */
export function useReport(study: Study): Reporting {
  const reports = study.reports ?? [];
  const [picked, setPicked] = useState('');
  const [own, setOwn] = useState<Report | null>(null);
  const [notice, setNotice] = useState(''), [error, setError] = useState(''), [saving, setSaving] = useState<Reporting['saving']>('');
  const queue = useRef(Promise.resolve()), timer = useRef(0), pending = useRef<Texts | null>(null);
  const filed = reports.find((r) => r.id === picked) ?? reports[0] ?? null;
  const report = own && filed && own.id === filed.id && own.version >= filed.version && own.state === filed.state ? { ...own, deliveries: filed.deliveries } : filed;
  const latest = useRef(report);
  latest.current = report;

  const run = (act: (r: Report) => Promise<Report>): Promise<string> => {
    const result = queue.current.then(async () => {
      const r = latest.current;
      if (!r) return '';
      setError('');
      try {
        const changed = await act(r);
        latest.current = changed;
        setOwn(changed); setNotice('');
        return '';
      } catch (e) {
        if (e instanceof APIError && e.status === 412) {
          const res = await fetch(`/api/v1/reports/${seg(r.id)}`);
          if (res.ok) { const fresh = await res.json() as Report; latest.current = fresh; setOwn(fresh); }
          setNotice(t('changedMeanwhile'));
          return t('changedMeanwhile');
        }
        setError((e as Error).message);
        return (e as Error).message;
      }
    });
    queue.current = result.then(() => undefined);
    return result;
  };

  const flush = async (): Promise<void> => {
    clearTimeout(timer.current);
    const texts = pending.current;
    if (texts === null) return;
    pending.current = null;
    setSaving('saving');
    const failed = await run((r) => write<Report>('PUT', `/reports/${seg(r.id)}`, texts, r.version));
    if (failed) pending.current = { ...texts, ...(pending.current as Texts | null) };
    setSaving(failed ? 'notSaved' : 'saved');
  };
  useEffect(() => {
    const leave = (e: BeforeUnloadEvent): void => { if (pending.current !== null) { void flush(); e.preventDefault(); } };
    window.addEventListener('beforeunload', leave);
    return () => { window.removeEventListener('beforeunload', leave); void flush(); };
  }, []);

  return {
    report, reports, notice, error, saving,
    decide: async (finding, d, reason) => { await flush(); await run((r) => write<Report>('POST', `/reports/${seg(r.id)}/findings/${seg(finding)}/decision`, { decision: d, reason }, r.version)); },
    state: async (finding, c) => { await flush(); return run((r) => write<Report>(finding ? 'PATCH' : 'POST', `/reports/${seg(r.id)}/findings${finding ? '/' + seg(finding) : ''}`, c, r.version)); },
    write: (texts) => { pending.current = { ...pending.current, ...texts }; setSaving('notSaved'); clearTimeout(timer.current); timer.current = window.setTimeout(() => void flush(), 1000); },
    compose: async (language) => { await flush(); return run((r) => write<Report>('POST', `/reports/${seg(r.id)}/narrative`, { language }, r.version)); },
    sign: async (password) => { await flush(); return run((r) => write<Report>('POST', `/reports/${seg(r.id)}/${r.state === 'awaiting_second' ? 'cosign' : 'sign'}`, { password }, r.version)); },
    reopen: () => run((r) => write<Report>('POST', `/reports/${seg(r.id)}/reopen`, undefined, r.version)),
    follow: async (addendum) => {
      const r = latest.current;
      if (!r) return;
      try {
        const made = await (addendum === undefined ? write<Report>('POST', `/reports/${seg(r.id)}/amend`) : write<Report>('POST', `/reports/${seg(r.id)}/addendum`, { text: addendum }));
        setPicked(''); setOwn(null); latest.current = made; setNotice('');
      } catch (e) { setError((e as Error).message); }
    },
    pick: (id) => { void flush(); setOwn(null); setPicked(id); },
  };
}
