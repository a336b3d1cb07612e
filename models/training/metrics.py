"""AUC, intervals, calibration."""
import numpy as np


def auc(y, p):
    """Area under the ROC curve (Mann-Whitney, ties count half)."""
    y, p = np.asarray(y, bool), np.asarray(p, float)
    if y.all() or not y.any():
        return float("nan")
    values, inverse = np.unique(p, return_inverse=True)
    pos = np.bincount(inverse[y], minlength=len(values))
    neg = np.bincount(inverse[~y], minlength=len(values))
    below = np.cumsum(neg) - neg
    return float((pos * (below + neg / 2)).sum() / (y.sum() * (~y).sum()))


def interval(statistic, *columns, groups=None, n=500, seed=1):
    """95 % bootstrap interval of a statistic; whole patients are drawn where groups are given."""
    g = np.random.default_rng(seed)
    groups = np.arange(len(columns[0])) if groups is None else np.unique(groups, return_inverse=True)[1]
    order = np.argsort(groups, kind="stable")
    columns = [np.asarray(c)[order] for c in columns]
    size = np.bincount(groups)
    first = np.cumsum(size) - size
    out = []
    for _ in range(n):
        drawn = g.integers(0, len(size), len(size))
        lengths = size[drawn]
        start = np.repeat(first[drawn] - (np.cumsum(lengths) - lengths), lengths)
        v = statistic(*[c[start + np.arange(len(start))] for c in columns])
        if not np.isnan(v):
            out.append(v)
    return tuple(np.percentile(out, [2.5, 97.5])) if out else (float("nan"),) * 2


def ece(y, p, bins=10):
    """Expected calibration error of the probability of the positive class, equal-width bins."""
    y, p = np.asarray(y, float), np.asarray(p, float)
    which = np.minimum((p * bins).astype(int), bins - 1)
    total = 0.0
    for b in range(bins):
        m = which == b
        if m.any():
            total += m.mean() * abs(y[m].mean() - p[m].mean())
    return float(total)


def sensitivity_specificity(y, p, threshold):
    y, hit = np.asarray(y, bool), np.asarray(p) >= threshold
    return float(hit[y].mean()), float((~hit[~y]).mean())


def roc(y, p):
    """False and true positive rates at every threshold, from strict to lax."""
    y = np.asarray(y, bool)[np.argsort(-np.asarray(p), kind="stable")]
    return np.r_[0, np.cumsum(~y) / max((~y).sum(), 1)], np.r_[0, np.cumsum(y) / max(y.sum(), 1)]
