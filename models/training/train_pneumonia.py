"""Trains the paediatric pneumonia network (normal, bacterial, viral) on the Kermany
films of children of one to five years.

The clean validation films are told apart almost perfectly, which says little about
films from elsewhere. So the weights are chosen by the validation loss on films that
went through the same disturbances as in training, clean ones included.
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

SIZE = 160
WIDTHS, DEPTHS = (16, 32, 64, 128), (1, 2, 3)


def new_net():
    return network.FilmNet(3, WIDTHS, DEPTHS, dropout=0.35).to(memory_format=torch.channels_last)


def child_film(im, g):
    """Stronger than for the quality model: a film may not be told by its frame, its
    sharpness, its tone or its aspect."""
    s = im.shape[0]
    if g.random() < 0.5:
        im = im[:, ::-1]
    if g.random() < 0.5:  # a part of the film: the anatomy fills the frame differently
        n = int(s * g.uniform(0.72, 1.0)), int(s * g.uniform(0.72, 1.0))
        y, x = int(g.integers(0, s - n[0] + 1)), int(g.integers(0, s - n[1] + 1))
        im = data.squash(np.ascontiguousarray(im[y:y + n[0], x:x + n[1]]), s)
    im = augment.film(np.ascontiguousarray(im), g, 1.25)
    return augment.erase(im, g) if g.random() < 0.3 else im


def pneumonia(logits):
    """Log-odds of pneumonia (bacterial or viral) from the three class scores."""
    return torch.logsumexp(logits[:, 1:], 1) - logits[:, 0]


def predict(net, x, batch=64):
    net.eval()
    with torch.no_grad():
        parts = [net(torch.from_numpy(x[i:i + batch]).float().div_(255)[:, None].contiguous(memory_format=torch.channels_last))[0] for i in range(0, len(x), batch)]
    return torch.cat(parts)


def measure(net, x, y):
    """AUC and class-balanced loss."""
    z = pneumonia(predict(net, x))
    sick = torch.from_numpy((y > 0).astype(np.float32))
    weight = torch.where(sick > 0, 0.5 / sick.mean(), 0.5 / (1 - sick.mean()))
    return metrics.auc(y > 0, z.numpy()), float(F.binary_cross_entropy_with_logits(z, sick, weight))


def validate(net, clean, rough, y):
    c, r = measure(net, clean, y), measure(net, rough, np.repeat(y, 2))
    return {"clean_auc": c[0], "clean_loss": c[1], "rough_auc": r[0], "rough_loss": r[1]}


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", default="../shared")
    p.add_argument("--out", default="/tmp/radnode-training/pneumonia")
    p.add_argument("--cache", default="/tmp/radnode-training/cache")
    p.add_argument("--epochs", type=int, default=36)
    p.add_argument("--seed", type=int, default=30)
    p.add_argument("--threads", type=int, default=1)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    rows = [r for r in data.read_rows(a.data) if r.source == "kermany"]
    images = data.load(rows, SIZE, a.cache)
    train, val = data.indices(rows, "train"), data.indices(rows, "val")
    g = np.random.default_rng(99)
    rough = np.stack([child_film(images[i], g) for i in val for _ in range(2)])
    fit(images, data.kermany_classes(rows), train, (images[val], rough), val, a)


def fit(images, classes, train, films, val, a, batch=48):
    out = pathlib.Path(a.out)
    out.mkdir(parents=True, exist_ok=True)
    net, frozen = new_net(), new_net()
    g = np.random.default_rng(a.seed)
    clean, rough = films
    y_clean = classes[val]
    # Half of each epoch is normal, a quarter bacterial, a quarter viral: the output is
    # the probability at a prevalence of one half.
    share = np.array([0.5, 0.25, 0.25])[classes[train]] / np.bincount(classes[train])[classes[train]]
    steps = a.epochs * (len(train) // batch)
    opt = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.05)
    rate = torch.optim.lr_scheduler.OneCycleLR(opt, 3e-3, total_steps=steps + 1, pct_start=0.15)
    avg = network.Average(net)
    best, history = 1e9, []
    for epoch in range(a.epochs):
        start, total = time.time(), 0.0
        net.train()
        order = g.choice(train, len(train) // batch * batch, p=share / share.sum())
        for i in range(0, len(order), batch):
            x, y = batch_of(images, classes, order[i:i + batch], g)
            loss = -(y * F.log_softmax(net(x)[0], 1)).sum(1).mean()
            opt.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            opt.step()
            rate.step()
            avg.update(net)
            total += float(loss)
        frozen.load_state_dict(avg.state)
        report = dict(epoch=epoch, loss=total / (len(order) // batch), seconds=round(time.time() - start))
        report.update(validate(frozen, clean, rough, y_clean))
        history.append(report)
        print(json.dumps({k: round(v, 4) for k, v in report.items()}), flush=True)
        (out / "history.json").write_text(json.dumps(history))
        if report["rough_loss"] + report["clean_loss"] <= best:
            best = report["rough_loss"] + report["clean_loss"]
            torch.save(avg.state, out / "best.pt")


def batch_of(images, classes, index, g):
    """Disturbed films with smoothed targets; a third of the batches are blends of two films."""
    x = np.stack([child_film(images[i], g) for i in index])
    x = torch.from_numpy(x).float().div_(255)[:, None]
    y = F.one_hot(torch.from_numpy(classes[index]), 3).float() * 0.94 + 0.02
    if g.random() < 0.33:
        m = float(g.beta(0.4, 0.4))
        other = torch.from_numpy(g.permutation(len(index)))
        x, y = m * x + (1 - m) * x[other], m * y + (1 - m) * y[other]
    return x.contiguous(memory_format=torch.channels_last), y


if __name__ == "__main__":
    main()
