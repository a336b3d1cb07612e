"""The small pictures of the model cards."""
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import metrics

SIZE, DPI = (4.6, 3.4), 90


def _save(fig, file):
    fig.tight_layout()
    fig.savefig(file, dpi=DPI)
    plt.close(fig)


def learning(history, panels, file):
    """Curves over the epochs; panels are lists of (key, name)."""
    fig, axes = plt.subplots(1, len(panels), figsize=(SIZE[0] * len(panels) * 0.8, SIZE[1]))
    for ax, panel in zip(np.atleast_1d(axes), panels):
        for key, name in panel:
            ax.plot([h["epoch"] + 1 for h in history], [h[key] for h in history], label=name, lw=1.3)
        ax.set_xlabel("epoch")
        ax.grid(alpha=0.3)
        ax.legend(fontsize=7)
    _save(fig, file)


def roc(curves, file, points=()):
    """ROC curves; curves are (name, y, p), points (name, fpr, tpr)."""
    fig, ax = plt.subplots(figsize=SIZE)
    for name, y, p in curves:
        x, t = metrics.roc(y, p)
        ax.plot(x, t, lw=1.3, label=f"{name}: AUC {metrics.auc(y, p):.3f}")
    for name, x, t in points:
        ax.plot([x], [t], "ko", ms=4)
        ax.annotate(name, (x, t), (x + 0.03, t - 0.06), fontsize=7)
    ax.plot([0, 1], [0, 1], "k:", lw=0.7)
    ax.set_xlabel("1 - specificity")
    ax.set_ylabel("sensitivity")
    ax.legend(fontsize=7, loc="lower right")
    ax.grid(alpha=0.3)
    _save(fig, file)


def reliability(sets, file, bins=10):
    """Observed share against predicted probability; sets are (name, y, p)."""
    fig, ax = plt.subplots(figsize=SIZE)
    for name, y, p in sets:
        y, p = np.asarray(y, float), np.asarray(p, float)
        which = np.minimum((p * bins).astype(int), bins - 1)
        used = [b for b in range(bins) if (which == b).sum() > 0]
        size = [8 + 60 * (which == b).mean() for b in used]
        line, = ax.plot([p[which == b].mean() for b in used], [y[which == b].mean() for b in used], lw=1, label=f"{name}: ECE {metrics.ece(y, p):.3f}")
        ax.scatter([p[which == b].mean() for b in used], [y[which == b].mean() for b in used], s=size, color=line.get_color())
    ax.plot([0, 1], [0, 1], "k:", lw=0.7)
    ax.set_xlabel("predicted probability")
    ax.set_ylabel("observed share")
    ax.legend(fontsize=7, loc="upper left")
    ax.grid(alpha=0.3)
    _save(fig, file)


def confusion(matrix, names, file):
    """Shares of each true class, as numbers on a grey table."""
    m = matrix / matrix.sum(1, keepdims=True)
    fig, ax = plt.subplots(figsize=(4.8, 4.2))
    ax.imshow(m, cmap="Greys", vmin=0, vmax=1)
    for i in range(len(m)):
        for j in range(len(m)):
            if m[i, j] >= 0.0005:
                ax.text(j, i, f"{100 * m[i, j]:.1f}", ha="center", va="center", fontsize=6, color="white" if m[i, j] > 0.5 else "black")
    ax.set_xticks(range(len(m)), names, rotation=60, fontsize=6, ha="right")
    ax.set_yticks(range(len(m)), names, fontsize=6)
    ax.set_xlabel("answer (per cent of the row)", fontsize=7)
    ax.set_ylabel("truth", fontsize=7)
    _save(fig, file)
