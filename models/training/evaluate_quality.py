"""Measures the chest-film quality network on films it was not trained on.

Thresholds and temperatures come from validation alone. Every film is read as it
is and as a node shows it without a window in the header (1-99 percentile stretch),
each in both polarities. Orientation needs one reading only: the graph's answer to
a turned film is exactly the turned answer.
"""
import argparse
import hashlib
import json
import pathlib
import pickle

import numpy as np
import torch

import augment
import charts
import data
import deploy
import metrics
import network
import probes
from train_quality import SIZE

SOURCES = ("kermany", "nih14", "hannover", "rsna", "mednist")
NAMES = {"kermany": "Kermany (children)", "nih14": "NIH ChestX-ray14", "hannover": "Hannover", "rsna": "RSNA normals", "mednist": "MedNIST"}


def stretch(im):
    """The display of an image whose header has no window."""
    lo, hi = np.percentile(im, [1, 99])
    return (np.clip((im.astype(np.float32) - lo) / max(hi - lo, 1), 0, 1) * 255 + 0.5).astype(np.uint8)


def read(graph, x, batch=32):
    """Scores of uint8 images before the activation: three logits, eight log-odds."""
    out = []
    with torch.no_grad():
        for i in range(0, len(x), batch):
            p = graph(torch.from_numpy(x[i:i + batch]).float().div_(255)[:, None])[0]
            out.append(torch.cat([torch.logit(p[:, :3].double().clamp(1e-9, 1 - 1e-9)), torch.log(p[:, 3:].double() + 1e-12)], 1))
    return torch.cat(out).numpy()


def temperature(z, y, least):
    """The divisor of logits z that gives targets y the least loss. Where validation is told
    apart without an error any small divisor would do; least keeps the answers from
    being surer than such data can show."""
    grid = np.exp(np.linspace(np.log(least), np.log(4), 160))
    if z.ndim == 1:
        sign = np.where(y, 1, -1)
        return float(min(grid, key=lambda t: np.logaddexp(0, -sign * z / t).mean()))
    pick = np.arange(len(z)), y
    return float(min(grid, key=lambda t: (np.logaddexp.reduce(z / t, 1) - (z / t)[pick]).mean()))


def equal_error(y, z):
    """The threshold in the middle of the gap or, where classes overlap, of equal errors."""
    candidates = np.unique(z)
    cuts = (candidates[1:] + candidates[:-1]) / 2
    errors = np.maximum(np.searchsorted(np.sort(z[y]), cuts) / y.sum(), 1 - np.searchsorted(np.sort(z[~y]), cuts) / (~y).sum())
    best = np.flatnonzero(np.isclose(errors, errors.min()))
    return float(cuts[best[len(best) // 2]])


DISPLAYS = {"as stored": lambda im: im, "1-99 percentile": stretch}


def scores(graph, rows, images, index, displays):
    """Both polarities of each display: z[display][polarity] of the images."""
    out = {}
    for display in displays:
        change = DISPLAYS[display]
        x = np.stack([change(images[i]) for i in index])
        film = np.array([rows[i].chest for i in index])
        plain = read(graph, x)
        negative = plain.copy()  # polarity means nothing for other images
        negative[film] = read(graph, 255 - x[film])
        out[display] = {False: plain, True: negative}
    return out


def fingerprint(graph):
    """Tells weights and orientations of a graph apart."""
    h = hashlib.sha256(str(graph.ways).encode())
    for v in graph.state_dict().values():
        h.update(v.numpy().tobytes())
    return h.hexdigest()[:12]


def once(file, make):
    """What make gives, kept in the file."""
    if not file.exists():
        file.write_bytes(pickle.dumps(make()))
    return pickle.loads(file.read_bytes())


class Films:
    """The scores of one split with what is known about its images."""
    def __init__(self, graph, rows, images, split, cache, displays=tuple(DISPLAYS)):
        self.index = np.array([i for i, r in enumerate(rows) if r.split == split])
        self.rows = [rows[i] for i in self.index]
        self.chest = np.array([r.chest for r in self.rows])
        self.source = np.array([r.source for r in self.rows])
        self.view = np.array([r.view for r in self.rows])
        self.group = np.array([r.patient for r in self.rows])
        self.labels = np.array([r.labels for r in self.rows])
        self.z = once(cache / f"scores-{split}-{fingerprint(graph)}.pkl", lambda: scores(graph, rows, images, self.index, displays))
        self.adult = np.isin(self.source, ("nih14", "hannover", "rsna"))


def calibrate(val):
    """Temperatures and thresholds from the validation films, both polarities."""
    both = [val.z[d][p] for d in val.z for p in (False, True)]
    z = np.concatenate(both)
    n = len(both)
    chest, seen = np.tile(val.chest, n), np.tile(np.isin(val.source, data.ADULT), n)
    inverted = np.concatenate([np.full(len(val.chest), p) for d in val.z for p in (False, True)])
    ap = np.tile(val.view == "AP", n)
    t = {"chest_film": temperature(z[:, 0], chest, 1.0), "view_ap": temperature(z[seen, 1], ap[seen], 0.6),
         "inverted": temperature(z[chest, 2], inverted[chest], 1.0), "orientation": temperature(z[chest, 3:], np.zeros(chest.sum(), int), 0.6)}
    # The field has more kinds of other images than validation, so the film's own scores set
    # this threshold: all but one in 400 films pass.
    cut = {"chest_film": np.quantile(z[chest, 0], 1 / 400) / t["chest_film"], "view_ap": equal_error(ap[seen], z[seen, 1]) / t["view_ap"],
           "inverted": equal_error(inverted[chest], z[chest, 2]) / t["inverted"]}
    return t, {k: float(np.clip(round(1 / (1 + np.exp(-v)), 3), 0.01, 0.99)) for k, v in cut.items()}


def proportion(hits, groups):
    return {"value": float(np.mean(hits)), "interval": metrics.interval(np.mean, hits, groups=groups), "n": int(len(hits))}


def area(y, p, groups):
    return {"value": metrics.auc(y, p), "interval": metrics.interval(metrics.auc, y, p, groups=groups), "n": int(len(y)), "positive": int(np.sum(y))}


def measure(f, t, cut):
    """All figures of one split."""
    logit = {k: np.log(v / (1 - v)) for k, v in cut.items()}
    out = {}
    for display, z in f.z.items():
        plain, negative = z[False], z[True]
        r = {"chest": {}, "view": {}, "polarity": {}, "orientation": {}, "orientation_inverted": {}}
        film = (plain[:, 0] / t["chest_film"] >= logit["chest_film"])
        r["chest"]["all"] = proportion(film == f.chest, f.group)
        r["chest"]["sensitivity"] = proportion(film[f.chest], f.group[f.chest])
        r["chest"]["specificity"] = proportion(~film[~f.chest], f.group[~f.chest])
        r["chest"]["auc"] = area(f.chest, plain[:, 0], f.group)
        for s in SOURCES:
            m = (f.source == s) & f.chest
            r["chest"][s] = proportion(film[m], f.group[m])
            r["polarity"][s] = proportion(np.r_[plain[m, 2] / t["inverted"] < logit["inverted"], negative[m, 2] / t["inverted"] >= logit["inverted"]], np.r_[f.group[m], f.group[m]])
            r["orientation"][s] = proportion(plain[m, 3:].argmax(1) == 0, f.group[m])
            r["orientation_inverted"][s] = proportion(negative[m, 3:].argmax(1) == 0, f.group[m])
        for kind in np.unique(f.labels[~f.chest]):
            m = ~f.chest & (f.labels == kind)
            r["chest"]["not " + kind] = proportion(~film[m], f.group[m])
        for name, m in (("all films", f.chest), ("adults", f.adult), ("children", f.source == "kermany")):
            r["orientation"][name] = proportion(plain[m, 3:].argmax(1) == 0, f.group[m])
            r["polarity"][name] = proportion(np.r_[plain[m, 2] / t["inverted"] < logit["inverted"], negative[m, 2] / t["inverted"] >= logit["inverted"]], np.r_[f.group[m], f.group[m]])
        for name, m in (("adults", np.isin(f.source, data.ADULT)), ("nih14", f.source == "nih14"), ("hannover", f.source == "hannover")):
            ap = f.view[m] == "AP"
            r["view"][name] = area(ap, plain[m, 1], f.group[m])
            r["view"][name + ", inverted"] = area(ap, negative[m, 1], f.group[m])
            r["view"][name + ", accuracy"] = proportion((plain[m, 1] / t["view_ap"] >= logit["view_ap"]) == ap, f.group[m])
        for v in ("AP", "PA"):
            m = f.adult & (f.view == v)
            r["orientation"]["adults " + v] = proportion(plain[m, 3:].argmax(1) == 0, f.group[m])
            r["chest"]["adults " + v] = proportion(film[m], f.group[m])
        m = f.source == "kermany"
        r["view"]["kermany, called AP"] = proportion(plain[m, 1] / t["view_ap"] >= logit["view_ap"], f.group[m])
        out[display] = r
    return out


def pictures(f, history, t, folder):
    folder.mkdir(parents=True, exist_ok=True)
    z = f.z["1-99 percentile"]
    seen = np.isin(f.source, data.ADULT)
    sig = lambda v: 1 / (1 + np.exp(-v))
    charts.learning(history, [[("loss", "training loss")], [(k, "validation " + k.replace("_", " ")) for k in ("chest", "view", "polarity", "orient_adult", "orient_child")]], folder / "learning.png")
    curves = [("chest film", f.chest, z[False][:, 0]), ("view AP, adults", f.view[seen] == "AP", z[False][seen, 1])]
    y = np.r_[np.zeros(f.chest.sum(), bool), np.ones(f.chest.sum(), bool)]
    p = np.r_[z[False][f.chest, 2], z[True][f.chest, 2]]
    charts.roc(curves + [("inverted", y, p)], folder / "roc.png")
    sets = [("chest film", f.chest, sig(z[False][:, 0] / t["chest_film"])), ("view AP", f.view[seen] == "AP", sig(z[False][seen, 1] / t["view_ap"])), ("inverted", y, sig(p / t["inverted"]))]
    charts.reliability(sets, folder / "reliability.png")
    after, _ = deploy.group_tables()
    m = np.zeros((8, 8))
    for a in z[False][f.chest, 3:].argmax(1):  # a film in way k is answered with the upright answer turned by k
        for k in range(8):
            m[k, after[a][k]] += 1
    charts.confusion(m, deploy.LABELS[3:], folder / "orientation.png")
    return {name: metrics.ece(a, b) for name, a, b in sets}


def failures(f, t, cut):
    """Text of the films that were read wrongly, in the plain display."""
    z, lines = f.z["as stored"][False], []
    chest = 1 / (1 + np.exp(-z[:, 0] / t["chest_film"]))
    ap = 1 / (1 + np.exp(-z[:, 1] / t["view_ap"]))
    turned = z[:, 3:].argmax(1)
    for i, r in enumerate(f.rows):
        name = f"{r.source}/{pathlib.Path(r.path).name}"
        if (chest[i] >= cut["chest_film"]) != r.chest:
            lines.append(f"{name} ({r.labels or 'film'}): chest film {chest[i]:.2f}")
        if r.chest and turned[i]:
            lines.append(f"{name} ({r.view or 'view unknown'}): lies upright, read as {deploy.LABELS[3 + turned[i]]}")
        if r.source in data.ADULT and (ap[i] >= cut["view_ap"]) != (r.view == "AP"):
            lines.append(f"{name}: view {r.view}, read as AP with {ap[i]:.2f}")
    return lines


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", default="../shared")
    p.add_argument("--out", default="/tmp/radnode-training/quality")
    p.add_argument("--cache", default="/tmp/radnode-training/cache")
    p.add_argument("--ways", default="0,1,2,3,4,5,6,7", help="orientations the graph averages over")
    p.add_argument("--threads", type=int, default=1)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    out = pathlib.Path(a.out)
    rows = data.read_rows(a.data)
    images = data.load(rows, SIZE, a.cache)
    net = network.FilmNet(11).eval()
    net.load_state_dict(torch.load(out / "best.pt"))
    ways = [int(k) for k in a.ways.split(",")]
    graph = deploy.QualityGraph(net, [1.0] * 11, ways).eval()
    t, cut = calibrate(Films(graph, rows, images, "val", out, ["1-99 percentile"]))
    test = Films(graph, rows, images, "test", out)
    history = json.loads((out / "history.json").read_text())
    report = {"temperatures": t, "thresholds": cut, "test": measure(test, t, cut), "failures": failures(test, t, cut), "epochs": len(history)}
    report["ece"] = pictures(test, history, t, out / "figures")
    report["counts"] = {s: {k: int(sum(r.source == s and r.split == k for r in rows)) for k in ("train", "val", "test")} for s in SOURCES}
    report["probes"] = shortcut(rows, images)
    (out / "report.json").write_text(json.dumps(report, indent=1))
    brief(report)


def shortcut(rows, images):
    """How well view can be told without anatomy, inside and across the sources."""
    y = np.array([r.view == "AP" for r in rows])
    tests = {s: data.indices(rows, "test", source=s) for s in data.ADULT}
    train = {s: data.indices(rows, "train", source=s) for s in data.ADULT}
    return {"trained on both": probes.run(images, y, np.concatenate(list(train.values())), tests),
            "trained on nih14": probes.run(images, y, train["nih14"], tests)}


def brief(report):
    print(json.dumps({k: report[k] for k in ("temperatures", "thresholds", "ece")}))
    for display, r in report["test"].items():
        for task, figures in r.items():
            print(display, task, {k: f"{v['value']:.4f} [{v['interval'][0]:.4f} {v['interval'][1]:.4f}] n={v['n']}" for k, v in figures.items()})
    print(json.dumps(report["probes"]))
    print("\n".join(report["failures"]))


if __name__ == "__main__":
    main()
