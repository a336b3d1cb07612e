import { useEffect, useRef, useState } from 'preact/hooks';
import { get, seg } from './api';
import { t } from './i18n';
import { Rows, type Attribute } from './objects';
import type { UID } from './types';

/** The header of an image: every attribute, to search in. */
export function Header({ uid, onClose }: { uid: UID; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [list, setList] = useState<Attribute[]>([]), [words, setWords] = useState(''), [error, setError] = useState('');
  useEffect(() => { dialog.current?.showModal(); get<{ attributes: Attribute[] }>(`/instances/${seg(uid)}/attributes`).then((a) => setList(a.attributes), (e: unknown) => setError((e as Error).message)); }, [uid]);
  const holds = (a: Attribute): boolean => `${a.tag} ${a.keyword} ${a.values?.join(' ') ?? ''}`.toLowerCase().includes(words.toLowerCase()) || (a.items ?? []).some((i) => i.some(holds));
  return (
    <dialog ref={dialog} class="headers" onClose={onClose} aria-labelledby="header-title">
      <div class="inline"><h2 id="header-title">{t('header')}</h2><input type="search" value={words} aria-label={t('search')} placeholder="Rows, 0028,0010 …" onInput={(e) => setWords(e.currentTarget.value)} /><button onClick={onClose}>{t('close')}</button></div>
      {error && <p role="alert" class="bad">{error}</p>}
      <div class="scrolls" tabIndex={0} role="region" aria-label={t('header')}><Rows list={list.filter(holds)} /></div>
    </dialog>
  );
}
