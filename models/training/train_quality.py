"""Trains the chest-film quality network: frontal chest film or not, view AP/PA,
polarity and orientation, from one trunk.

Polarity and orientation labels are made by inverting and turning the films; view
is learned only where a source states it.
"""
import argparse
import json
import pathlib
import time

import numpy as np
import torch
import torch.nn.functional as F

import augment
import data
import metrics
import network

SIZE = 128
# Images drawn from each source per epoch; the adult sources are small, so they repeat.
DRAW = {"kermany": 1500, "nih14": 1600, "hannover": 240, "rsna": 1000, "mednist": 700}
NEGATIVES = {"real": 1300, "made": 500}
VIEW_WEIGHT = {"nih14": 1.0, "hannover": 1.0, "kermany": 0.2}


def draw_epoch(rows, pools, g):
    """(row, kind) pairs of one epoch; kind 0 film, 1 other body part, 2 made-up image."""
    picks = []
    for source, n in DRAW.items():
        pool = pools[source]
        reps = np.concatenate([g.permutation(pool) for _ in range(-(-n // len(pool)))])[:n]
        picks += [(i, 0) for i in reps]
    picks += [(i, 1) for i in g.choice(pools["other"], NEGATIVES["real"])]
    picks += [(i, 2) for i in g.choice(pools["nih14"], NEGATIVES["made"])]
    g.shuffle(picks)
    return picks


def sample(row, im, kind, g):
    """One training image with its targets: chest, view, inverted, orientation, masks."""
    if kind == 2:
        im = augment.no_film(SIZE, g, im)
    im = augment.film(im, g)
    inverted = g.random() < 0.5
    k = int(g.integers(0, 8))
    im = augment.turn(255 - im if inverted else im, k)
    if kind:
        return im, (0, 0, 0, 0), (0, 0)
    return im, (1, row.view == "AP", inverted, k), (VIEW_WEIGHT.get(row.source, 0) if row.view else 0, 1)


def loss_of(logits, t, w):
    bce = F.binary_cross_entropy_with_logits
    smooth = lambda y: y * 0.98 + 0.01
    chest = bce(logits[:, 0], smooth(t[:, 0]))
    view = (bce(logits[:, 1], smooth(t[:, 1]), reduction="none") * w[:, 0]).sum() / w[:, 0].sum().clamp(min=1)
    film = w[:, 1].sum().clamp(min=1)
    inverted = (bce(logits[:, 2], smooth(t[:, 2]), reduction="none") * w[:, 1]).sum() / film
    turned = (F.cross_entropy(logits[:, 3:], t[:, 3].long(), reduction="none", label_smoothing=0.03) * w[:, 1]).sum() / film
    return chest + 1.5 * view + inverted + 1.5 * turned


def validation_set(rows, images, split, seed=7):
    """Every image once, in a fixed random orientation and polarity."""
    g = np.random.default_rng(seed)
    index = [i for i, r in enumerate(rows) if r.split == split]
    ks = g.integers(0, 8, len(index))
    inv = g.random(len(index)) < 0.5
    x = np.stack([augment.turn(255 - images[i] if v else images[i], int(k)) for i, k, v in zip(index, ks, inv)])
    return index, x, ks, inv


def predict(net, x, batch=64):
    net.eval()
    out = []
    with torch.no_grad():
        for i in range(0, len(x), batch):
            b = torch.from_numpy(x[i:i + batch]).float().div_(255)[:, None]
            out.append(net(b.contiguous(memory_format=torch.channels_last))[0])
    return torch.cat(out).numpy()


def validate(net, rows, val):
    index, x, ks, inv = val
    z = predict(net, x)
    chest = np.array([rows[i].chest for i in index])
    source = np.array([rows[i].source for i in index])
    view = np.array([rows[i].view for i in index])
    adult = np.isin(source, data.ADULT + ("rsna",))
    right = z[:, 3:].argmax(1) == ks
    seen = np.isin(source, data.ADULT)
    report = {
        "chest": float(((z[:, 0] > 0) == chest).mean()),
        "view": metrics.auc(view[seen] == "AP", z[seen, 1]),
        "polarity": float(((z[:, 2] > 0) == inv)[chest].mean()),
        "orient_adult": float(right[adult].mean()),
        "orient_child": float(right[source == "kermany"].mean()),
    }
    report["score"] = report["chest"] + report["view"] + report["polarity"] + report["orient_adult"] + report["orient_child"]
    return report


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", default="../shared")
    p.add_argument("--out", default="/tmp/radnode-training/quality")
    p.add_argument("--cache", default="/tmp/radnode-training/cache")
    p.add_argument("--epochs", type=int, default=36)
    p.add_argument("--seed", type=int, default=20)
    p.add_argument("--threads", type=int, default=1)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    g = np.random.default_rng(a.seed)
    rows = data.read_rows(a.data)
    images = data.load(rows, SIZE, a.cache)
    keep = data.without_copies(rows, images)
    print(f"{len(rows)} images, {len(rows) - len(keep)} training copies of kept-apart images dropped", flush=True)
    rows, images = [rows[i] for i in keep], images[keep]
    pools = {s: data.indices(rows, "train", source=s, chest=True) for s in DRAW}
    pools["other"] = data.indices(rows, "train", source="mednist", chest=False)
    val = validation_set(rows, images, "val")
    net = network.FilmNet(11).to(memory_format=torch.channels_last)
    fit(net, rows, images, pools, val, g, a)


def fit(net, rows, images, pools, val, g, a, batch=48):
    """Trains with a warm-up and cosine rate; keeps the averaged weights that score
    best on validation."""
    out = pathlib.Path(a.out)
    out.mkdir(parents=True, exist_ok=True)
    steps = a.epochs * ((sum(DRAW.values()) + sum(NEGATIVES.values())) // batch)
    opt = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.03)
    rate = torch.optim.lr_scheduler.OneCycleLR(opt, 3e-3, total_steps=steps + 1, pct_start=0.15)
    avg = network.Average(net)
    frozen = network.FilmNet(11).to(memory_format=torch.channels_last)
    best, history = 0.0, []
    for epoch in range(a.epochs):
        start, total, n = time.time(), 0.0, 0
        net.train()
        picks = draw_epoch(rows, pools, g)
        for i in range(0, len(picks) - batch + 1, batch):
            made = [sample(rows[j], images[j], kind, g) for j, kind in picks[i:i + batch]]
            x = torch.from_numpy(np.stack([m[0] for m in made])).float().div_(255)[:, None].contiguous(memory_format=torch.channels_last)
            t = torch.tensor([m[1] for m in made], dtype=torch.float32)
            w = torch.tensor([m[2] for m in made], dtype=torch.float32)
            loss = loss_of(net(x)[0], t, w)
            opt.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            opt.step()
            rate.step()
            avg.update(net)
            total, n = total + float(loss), n + 1
        frozen.load_state_dict(avg.state)
        report = dict(epoch=epoch, loss=total / n, seconds=round(time.time() - start), **validate(frozen, rows, val))
        history.append(report)
        print(json.dumps({k: round(v, 4) for k, v in report.items()}), flush=True)
        (out / "history.json").write_text(json.dumps(history))
        if report["score"] >= best:
            best = report["score"]
            torch.save(avg.state, out / "best.pt")


if __name__ == "__main__":
    main()
