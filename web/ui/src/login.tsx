import { useEffect, useRef, useState } from 'preact/hooks';
import { APIError, write } from './api';
import { t } from './i18n';
import type { Session } from './types';

/** The login, as a page or over the page when a session has ended. */
export function Login({ again, onSession }: { again: boolean; onSession: (s: Session) => void }) {
  const [error, setError] = useState(''), [busy, setBusy] = useState(false);
  const name = useRef<HTMLInputElement>(null);
  useEffect(() => name.current?.focus(), []);
  const submit = async (e: Event): Promise<void> => {
    e.preventDefault();
    const form = new FormData(e.target as HTMLFormElement);
    setBusy(true); setError('');
    try {
      onSession(await write<Session>('POST', '/login', { name: form.get('name'), password: form.get('password') }));
    } catch (err) {
      setError(err instanceof APIError && err.status === 0 ? t('unreachable') : (err as Error).message);
      setBusy(false);
    }
  };
  return (
    <main class={again ? 'login over' : 'login'}>
      <form onSubmit={submit} aria-labelledby="login-title">
        <h1 id="login-title"><Logo /> radnode</h1>
        <p class="muted">{again ? t('signInAgain') : t('tagline')}</p>
        <label>{t('name')}<input name="name" autocomplete="username" required maxLength={256} ref={name} /></label>
        <label>{t('password')}<input name="password" type="password" autocomplete="current-password" required maxLength={256} /></label>
        <p role="alert" class="bad">{error}</p>
        <button class="primary" disabled={busy}>{busy ? t('signingIn') : t('signIn')}</button>
      </form>
    </main>
  );
}

export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 24 24" width="22" height="22" aria-hidden="true">
      <circle cx="12" cy="12" r="10" fill="none" stroke="currentColor" stroke-width="1.6" opacity=".45" />
      <path d="M9.5 6.5c-3 1.5-4.3 6-3.6 10.2.2 1.2 1 1.4 1.9 1 1.600-.7 2.500-1 2.700-2.900.2-2.500 0-6-1-8.300zM14.500 6.500c3 1.500 4.300 6 3.600 10.200-.2 1.200-1 1.400-1.900 1-1.600-.7-2.500-1-2.700-2.900-.2-2.500 0-6 1-8.300z" fill="currentColor" />
    </svg>
  );
}
