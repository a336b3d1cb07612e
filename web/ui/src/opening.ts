import { get } from './api';
import { loaderOf } from './frames';
import type { Manifest, Study, UID } from './types';

/** What is asked for at once when a study is opened: the study and, beside it, its first image. */
interface Opening { uid: UID; study: Promise<Study>; first: Promise<Manifest | null> }

let made: Opening | null = null, taken = false;

/** open asks for a study that will be shown. */
export function open(uid: UID): Opening {
  made = { uid, study: get<Study>(`/studies/${uid}`), first: get<Manifest>(`/studies/${uid}/first`).then(prefetch, () => null) }; // where there is none the study tells why
  made.study.catch(() => undefined); // whoever takes it hears of it
  taken = false;
  return made;
}

/** take gives what was asked for, once: a study that is opened again is asked for again. */
export function take(uid: UID): Opening {
  const o = made?.uid === uid && !taken ? made : open(uid);
  taken = true;
  return o;
}

/** firstOf describes the first image of the study that was opened last. */
export async function firstOf(uid: UID): Promise<Manifest | null> { return made?.uid === uid ? made.first : null; }

/** prefetch loads the image before there is a viewport for it, as large as that will be. */
function prefetch(m: Manifest): Manifest {
  const loader = loaderOf(m), close = loader.open(() => {});
  loader.want(0, Math.max(innerWidth - 470, innerHeight - 90) * devicePixelRatio);
  setTimeout(close, 5000);
  return m;
}
