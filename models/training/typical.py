"""Describes the films that the pneumonia network was judged on, by its own features, and
measures how well films that it must not read are told from them.

Mean and covariance come from training films, clean and disturbed; the limit from
validation films. What is kept outside is then counted on films that took no part: test
films, adults of three sources, and other kinds of image. The range in which the model
is undecided (split conformal prediction, each class for itself) comes from the same
validation films.
"""
import argparse
import json
import pathlib

import numpy as np
import torch

import data
import deploy
import evaluate_pneumonia as ev
import metrics
import train_pneumonia as tp
from evaluate_quality import stretch

COVERAGE = 0.98


def read(graph, x, batch=32):
    """Features and probabilities of uint8 images."""
    f, p = [], []
    with torch.no_grad():
        for i in range(0, len(x), batch):
            out = graph(torch.from_numpy(x[i:i + batch]).float().div_(255)[:, None])
            p.append(out[0][:, 0])
            f.append(out[2])
    return torch.cat(f).numpy().astype(np.float64), torch.cat(p).numpy().astype(np.float64)


def fit(f, shrink=0.05):
    """Mean and whitening of features; the covariance is pulled towards its diagonal."""
    mean = f.mean(0)
    cov = np.cov(f - mean, rowvar=False)
    cov = (1 - shrink) * cov + shrink * np.diag(np.diag(cov)) + 1e-6 * np.trace(cov) / len(cov) * np.eye(len(cov))
    return mean.astype(np.float32), np.linalg.inv(np.linalg.cholesky(cov)).astype(np.float32)


def distance(f, mean, whitening):
    return np.linalg.norm((f - mean) @ whitening.T.astype(np.float64), axis=1) / np.sqrt(len(mean))


def undecided(p, y, coverage=COVERAGE):
    """The range of probabilities whose prediction set holds both answers; None if there is none."""
    rank = lambda n: min(int(np.ceil((n + 1) * coverage)), n) - 1
    to = np.sort(p[~y])[rank((~y).sum())]       # absent is in the set up to here
    low = -np.sort(-p[y])[rank(y.sum())]        # present is in the set from here
    return None if low > to else {"from": float(np.floor(low * 1000) / 1000), "to": float(np.ceil(to * 1000) / 1000), "coverage": coverage}


def share(v):
    return round(float(np.mean(v)), 4)


def main():
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("--data", default="../shared")
    a.add_argument("--cache", default="/tmp/radnode-training/cache")
    a.add_argument("--nets", nargs="+", default=["/tmp/radnode-training/pneumonia"])
    a.add_argument("--out", default="/tmp/radnode-training/pneumonia")
    a = a.parse_args()
    torch.set_num_threads(1)
    out = pathlib.Path(a.out)
    every = data.read_rows(a.data)
    rows = [r for r in every if r.source == "kermany"]
    images = data.load(rows, tp.SIZE, a.cache)
    sick = data.kermany_classes(rows) > 0
    platt = json.loads((out / "report.json").read_text())["platt"]
    graph = deploy.PneumoniaGraph(ev.load_nets(a.nets), *platt).eval()
    train, val, test = (data.indices(rows, s) for s in ("train", "val", "test"))
    films = lambda i, times, seed: np.concatenate([images[i], np.stack([stretch(images[k]) for k in i]), ev.rough_films(images, i, times, seed=seed)])
    mean, whitening = fit(read(graph, films(train[::2], 1, 7))[0])
    f, p = read(graph, films(val, 2, 8))
    d = distance(f, mean, whitening)
    limit = float(np.ceil(np.quantile(d, 0.99) * 100) / 100)
    gap = undecided(p, np.r_[sick[val], sick[val], np.repeat(sick[val], 2)])
    clean = read(graph, np.stack([stretch(images[k]) for k in test]))
    inside = distance(clean[0], mean, whitening)
    report = {"limit": limit, "undecided": gap, "size": len(mean), "films": {"test, same collection": {"n": len(test), "outside": share(inside > limit)}}}
    for name, want in {"NIH adults": ("nih14", None), "Hannover adults": ("hannover", None), "RSNA adults": ("rsna", None), "other images": ("mednist", False)}.items():
        others = [r for r in every if r.source == want[0] and r.split != "train" and (want[1] is None or r.chest == want[1])]
        o = distance(read(graph, np.stack([stretch(im) for im in data.load(others, tp.SIZE, a.cache)]))[0], mean, whitening)
        report["films"][name] = {"n": len(others), "outside": share(o > limit), "auc": round(metrics.auc(np.r_[np.zeros(len(inside), bool), np.ones(len(o), bool)], np.r_[inside, o]), 4)}
    if gap:
        y, q = sick[test], clean[1]
        report["conformal"] = {"n": len(test), "holds the truth, pneumonia": share(q[y] >= gap["from"]), "holds the truth, normal": share(q[~y] <= gap["to"]),
                               "undecided": share((q >= gap["from"]) & (q <= gap["to"]))}
    (out / "typical.f32").write_bytes(np.concatenate([mean, whitening.ravel()]).astype("<f4").tobytes())
    (out / "typical.json").write_text(json.dumps(report, indent=1))
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
