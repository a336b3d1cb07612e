const listeners = new Set<() => void>();

/** go moves to another address of the page without loading it. */
export function go(path: string): void {
  if (path !== location.pathname + location.search) history.pushState(null, '', path);
  for (const f of [...listeners]) f();
}

export function onRoute(f: () => void): () => void {
  listeners.add(f);
  window.addEventListener('popstate', f);
  return () => { listeners.delete(f); window.removeEventListener('popstate', f); };
}
