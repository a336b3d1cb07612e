import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { APIError, get, onSignedOut, setSession, stream, vocabulary, write } from './api';
import { Help } from './help';
import { currentLanguage, learn, personName, setLanguage, t, type Language } from './i18n';
import { Login, Logo } from './login';
import { Models } from './models';
import { Node } from './node';
import { go, onRoute } from './route';
import { StudyPage } from './study';
import { Tour } from './tour';
import type { Session } from './types';
import { Worklist } from './worklist';

function App() {
  const [session, setState] = useState<Session | null>(null);
  const [asked, setAsked] = useState(false);
  const [ended, setEnded] = useState(false);
  const [help, setHelp] = useState(false);
  const [failed, setFailed] = useState('');
  const [touring, tour] = useState(localStorage.getItem('tour') === null);
  const [, redraw] = useState(0);
  const keep = (s: Session | null): void => {
    setSession(s); setState(s); setAsked(true); setEnded(false);
    if (s) { stream.start(); vocabulary().then((list) => { learn(list); redraw((n) => n + 1); }, () => undefined); /* without it codes keep their English names */ } else stream.stop();
  };
  const ask = (): void => {
    setFailed('');
    get<Session>('/session').then(keep, (e: unknown) => {
      if (e instanceof APIError && e.status === 401) keep(null); else setFailed((e as Error).message);
    });
  };
  useEffect(() => {
    onSignedOut(() => setEnded(true));
    setLanguage(currentLanguage());
    ask();
    return onRoute(() => redraw((n) => n + 1));
  }, []);
  useEffect(() => {
    const key = (e: KeyboardEvent): void => {
      if (e.key === '?' && !(e.target as Element).closest('input, textarea, select')) { e.preventDefault(); setHelp((h) => !h); } else if (e.key === 'Escape') setHelp(false);
    };
    document.addEventListener('keydown', key);
    return () => document.removeEventListener('keydown', key);
  }, []);
  if (failed) return <main class="login"><div class="box"><p role="alert">{failed}</p><button onClick={ask}>{t('reload')}</button></div></main>;
  if (!asked) return null;
  if (!session) return <Login again={false} onSession={keep} />;
  const signOut = async (): Promise<void> => { await write('POST', '/logout').catch(() => undefined); keep(null); go('/'); };
  const language = (l: Language): void => { setLanguage(l); redraw((n) => n + 1); };
  return (
    <div class="shell" key={currentLanguage()}>
      <Bar session={session} onSignOut={signOut} onLanguage={language} onHelp={() => setHelp(true)} />
      <Page session={session} />
      {touring && <Tour onEnd={() => { localStorage.setItem('tour', 'seen'); tour(false); }} />}
      {help && <Help onClose={() => setHelp(false)} onTour={() => { setHelp(false); go('/'); tour(true); }} />}
      {ended && <Login again onSession={keep} />}
    </div>
  );
}

/** The frame of the pages, dark or light; the surround of an image is always black. */
function setTheme(theme: string): void { document.documentElement.dataset.theme = theme; localStorage.setItem('theme', theme); }

function Page({ session }: { session: Session }) {
  const path = location.pathname;
  const study = /^\/study\/([0-9.]+)$/.exec(path)?.[1];
  if (study) return <StudyPage uid={study} session={session} key={study} />;
  if (path === '/models') return <Models session={session} />;
  if (path === '/node') return <Node session={session} />;
  if (path === '/') return <Worklist />;
  return <main class="page"><p>{t('notFound')}</p></main>;
}

function Bar({ session, onSignOut, onLanguage, onHelp }: { session: Session; onSignOut: () => void; onLanguage: (l: Language) => void; onHelp: () => void }) {
  const [live, setLive] = useState(stream.live);
  useEffect(() => stream.watch(setLive), []);
  const skew = Math.round((Date.now() - Date.parse(session.node.now)) / 60000);
  const [skewAtLogin] = useState(skew);
  const link = (path: string, text: string) => (
    <a href={path} aria-current={location.pathname === path ? 'page' : undefined} onClick={(e) => { e.preventDefault(); go(path); }}>{text}</a>
  );
  return (
    <header class="bar">
      <a class="brand" href="/" onClick={(e) => { e.preventDefault(); go('/'); }}><Logo />radnode</a>
      <nav aria-label="radnode">{link('/', t('worklist'))}{link('/models', t('models'))}{link('/node', t('node'))}</nav>
      <div id="strip" class="strip" />
      {Math.abs(skewAtLogin) > 2 && <span class="warn">{t('clock', { n: Math.abs(skewAtLogin) })}</span>}
      <span class={live ? 'live on' : 'live'} role="status" title={live ? '' : t('offlineTitle')}><i aria-hidden="true" />{live ? t('live') : t('offline')}</span>
      <select aria-label={t('language')} value={currentLanguage()} onChange={(e) => onLanguage(e.currentTarget.value as Language)}><option value="en">EN</option><option value="zh">中文</option></select>
      <button class="icon" onClick={() => setTheme(document.documentElement.dataset.theme === 'light' ? 'dark' : 'light')} title={t('theme')} aria-label={t('theme')}>◐</button>
      <button class="icon" onClick={onHelp} title={t('help')} aria-label={t('help')}>?</button>
      <span class="me" title={session.user.role}>{personName(session.user.full_name || session.user.name)}</span>
      <button onClick={onSignOut}>{t('signOut')}</button>
    </header>
  );
}

setTheme(localStorage.getItem('theme') ?? 'dark');
render(<App />, document.getElementById('app') as HTMLElement);
