/** Numbers as bars; the words say what the bars say. */
export function Chart({ name, note, values, labels }: { name: string; note: string; values: number[]; labels: string[] }) {
  const most = Math.max(1, ...values), w = 240 / values.length;
  return (
    <figure><figcaption>{name} <span class="muted small">{note}</span></figcaption>
      <svg viewBox="0 0 240 60" role="img" aria-label={name}>{values.map((v, i) => <rect key={i} x={i * w + 1} width={w - 2} y={59 - 58 * v / most} height={58 * v / most + 1}><title>{`${labels[i]}: ${v}`}</title></rect>)}</svg></figure>
  );
}
