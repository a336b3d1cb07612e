"""Measures the paediatric pneumonia network on patients it was not trained on.

Calibration and operating point come from validation alone, half of it clean and
half disturbed as in training, because clean films of the same collection are easier
than those of any other site.
"""
import argparse
import json
import pathlib

import numpy as np
import torch

import charts
import data
import deploy
import metrics
import probes
import train_pneumonia as tp
from evaluate_quality import stretch


def read(graph, x, batch=32):
    """Log-odds of pneumonia for uint8 images."""
    out = []
    with torch.no_grad():
        for i in range(0, len(x), batch):
            p = graph(torch.from_numpy(x[i:i + batch]).float().div_(255)[:, None])[0].double()
            out.append(torch.logit(p[:, 0].clamp(1e-12, 1 - 1e-12)))
    return torch.cat(out).numpy()


def platt(z, y, steps=400):
    """a, b of sigmoid(a*z+b) with the classes weighing the same."""
    z, t = torch.from_numpy(z).float(), torch.from_numpy(y.astype(np.float32))
    w = torch.where(t > 0, 0.5 / t.mean(), 0.5 / (1 - t.mean()))
    p = torch.tensor([1.0, 0.0], requires_grad=True)
    opt = torch.optim.LBFGS([p], max_iter=steps, line_search_fn="strong_wolfe")

    def loss():
        opt.zero_grad()
        v = torch.nn.functional.binary_cross_entropy_with_logits(p[0] * z + p[1], t, w)
        v.backward()
        return v
    opt.step(loss)
    return [round(float(v), 4) for v in p.detach()]


def rough_films(images, index, times, seed=5):
    g = np.random.default_rng(seed)
    return np.stack([tp.child_film(images[i], g) for i in index for _ in range(times)])


def operating_point(p, y, sensitivity):
    """The highest threshold with that sensitivity on the validation films."""
    return float(np.floor(np.quantile(p[y], 1 - sensitivity) * 1000) / 1000)


def figures(y, p, groups, cut, kinds):
    s = lambda t, q: metrics.sensitivity_specificity(t, q, cut)
    out = {"auc": (metrics.auc(y, p), metrics.interval(metrics.auc, y, p, groups=groups)),
           "sensitivity": (s(y, p)[0], metrics.interval(lambda t, q: s(t, q)[0], y, p, groups=groups)),
           "specificity": (s(y, p)[1], metrics.interval(lambda t, q: s(t, q)[1], y, p, groups=groups)),
           "ece": (metrics.ece(y, p), metrics.interval(metrics.ece, y, p, groups=groups)),
           "n": int(len(y)), "pneumonia": int(np.sum(y))}
    for name, k in (("bacterial", 1), ("viral", 2)):
        m = (kinds == k) | ~y
        out["auc " + name] = (metrics.auc(y[m], p[m]), metrics.interval(metrics.auc, y[m], p[m], groups=groups[m]))
        out["sensitivity " + name] = (float((p[kinds == k] >= cut).mean()), metrics.interval(lambda q: (q >= cut).mean(), p[kinds == k], groups=groups[kinds == k]))
    return out


def load_nets(folders):
    nets = []
    for folder in folders:
        net = tp.new_net().eval()
        net.load_state_dict(torch.load(pathlib.Path(folder) / "best.pt"))
        nets.append(net)
    return nets


def by_name(rows, index, y, p, cut):
    """The two series of normal films that the collection's file names show."""
    series = np.array([pathlib.Path(rows[i].path).name.split("-")[0] for i in index])
    return {s: float((p[(series == s) & ~y] < cut).mean()) for s in ("IM", "NORMAL2")}


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", default="../shared")
    p.add_argument("--nets", nargs="+", default=["/tmp/radnode-training/pneumonia"])
    p.add_argument("--out", default="/tmp/radnode-training/pneumonia")
    p.add_argument("--cache", default="/tmp/radnode-training/cache")
    p.add_argument("--sensitivity", type=float, default=0.97, help="wanted on clean validation films")
    a = p.parse_args()
    torch.set_num_threads(1)
    every = data.read_rows(a.data)
    rows = [r for r in every if r.source == "kermany"]
    images = data.load(rows, tp.SIZE, a.cache)
    kinds = data.kermany_classes(rows)
    val, test = data.indices(rows, "val"), data.indices(rows, "test")
    graph = deploy.PneumoniaGraph(load_nets(a.nets)).eval()
    clean = np.concatenate([read(graph, images[val]), read(graph, np.stack([stretch(images[i]) for i in val]))])
    rough, y = read(graph, rough_films(images, val, 2)), kinds[val] > 0
    slope, shift = platt(np.r_[clean, rough], np.r_[y, y, np.repeat(y, 2)])
    sig = lambda z: 1 / (1 + np.exp(-(slope * z + shift)))
    cut = operating_point(sig(clean), np.r_[y, y], a.sensitivity)
    report = {"nets": len(a.nets), "platt": [slope, shift], "threshold": cut, "validation": {}, "test": {}}
    groups = np.array([r.patient for r in rows])
    for part, index in (("validation", val), ("test", test)):
        for display, change in (("as stored", lambda im: im), ("1-99 percentile", stretch)):
            q = sig(read(graph, np.stack([change(images[i]) for i in index])))
            report[part][display] = figures(kinds[index] > 0, q, groups[index], cut, kinds[index])
            if display == "as stored":
                report[part]["specificity by series of names"] = by_name(rows, index, kinds[index] > 0, q, cut)
        q = sig(read(graph, rough_films(images, index, 2, seed=6)))
        report[part]["disturbed"] = figures(np.repeat(kinds[index] > 0, 2), q, np.repeat(groups[index], 2), cut, np.repeat(kinds[index], 2))
    q = sig(read(graph, images[test]))
    report["failures"] = [f"{pathlib.Path(rows[i].path).name} ({rows[i].labels}): {v:.2f}" for i, v in zip(test, q) if (v >= cut) != (kinds[i] > 0)]
    report["adults"] = on_adults(graph, sig, every, a.cache, cut)
    report["probes"] = probes.run(images, kinds > 0, data.indices(rows, "train"), {"test": test})
    report["matched"] = probes.matched(images, kinds > 0, data.indices(rows, "train"), test, q)
    report["counts"] = {s: np.bincount(kinds[data.indices(rows, s)]).tolist() for s in ("train", "val", "test")}
    report["patients"] = {s: len({rows[i].patient for i in data.indices(rows, s)}) for s in ("train", "val", "test")}
    pictures(graph, sig, images, test, kinds[test] > 0, cut, pathlib.Path(a.out), pathlib.Path(a.nets[0]))
    (pathlib.Path(a.out) / "report.json").write_text(json.dumps(report, indent=1))
    print(json.dumps(report, indent=1))


def on_adults(graph, sig, rows, cache, cut):
    """What the network would say of adults, for whom it must not be used."""
    adults = [r for r in rows if r.source == "nih14" and r.split == "test"]
    q = sig(read(graph, data.load(adults, tp.SIZE, cache)))
    clean = np.array([r.labels in ("", "no_finding", "no finding") for r in adults])
    return {"films": len(adults), "called pneumonia": float((q >= cut).mean()), "films without finding": int(clean.sum()),
            "of these called pneumonia": float((q[clean] >= cut).mean()) if clean.any() else None}


def pictures(graph, sig, images, test, y, cut, out, first):
    folder = out / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    sets = [("as stored", y, sig(read(graph, images[test]))), ("1-99 percentile", y, sig(read(graph, np.stack([stretch(images[i]) for i in test])))),
            ("disturbed", np.repeat(y, 2), sig(read(graph, rough_films(images, test, 2, seed=6))))]
    sens, spec = metrics.sensitivity_specificity(y, sets[0][2], cut)
    charts.roc(sets, folder / "roc.png", [(f"threshold {cut:.3f}", 1 - spec, sens)])
    charts.reliability(sets, folder / "reliability.png")
    history = json.loads((first / "history.json").read_text())
    charts.learning(history, [[("loss", "training loss (smoothed targets)"), ("rough_loss", "validation loss, disturbed"), ("clean_loss", "validation loss, clean")],
                              [("rough_auc", "validation AUC, disturbed"), ("clean_auc", "validation AUC, clean")]], folder / "learning.png")


if __name__ == "__main__":
    main()
