"""Looks for shortcuts: how much of an answer can be had from what carries no anatomy,
such as the frame of the film, its sharpness or an 8x8 thumbnail."""
import cv2
import numpy as np
import torch
import torch.nn.functional as F

import metrics


def thumbnail(im):
    """8x8 pixels, standardised: position and size of the body, no detail."""
    t = cv2.resize(im, (8, 8), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    return (t - t.mean()) / (t.std() + 1e-3)


def frame(im):
    """The outermost twentieth of the film, coarsely."""
    s = im.shape[0]
    n = s // 20
    sides = [im[:n], im[-n:], im[:, :n].T, im[:, -n:].T]
    return np.concatenate([cv2.resize(np.ascontiguousarray(x), (16, 1), interpolation=cv2.INTER_AREA).ravel() for x in sides]).astype(np.float32) / 255


def texture(im):
    """Grey level histogram and power at eight scales: tone, noise and sharpness."""
    x = im.astype(np.float32)
    hist = np.histogram(im, 16, (0, 256))[0] / im.size
    x = (x - x.mean()) / (x.std() + 1e-3)
    power = np.abs(np.fft.fftshift(np.fft.fft2(x))) ** 2
    s = im.shape[0]
    yy, xx = np.mgrid[:s, :s] - s // 2
    r = np.hypot(yy, xx)
    edges = np.geomspace(1, s / 2, 9)
    bands = [np.log(power[(r >= a) & (r < b)].mean() + 1e-6) for a, b in zip(edges, edges[1:])]
    return np.r_[hist, bands].astype(np.float32)


PROBES = {"8x8 thumbnail": thumbnail, "frame of the film": frame, "grey levels and sharpness": texture}


def logistic(x, y, steps=300, decay=1e-3, seed=1):
    """Regularised logistic regression on standardised features; gives a scoring function."""
    torch.manual_seed(seed)
    mean, std = x.mean(0), x.std(0) + 1e-6
    a = torch.from_numpy((x - mean) / std)
    t = torch.from_numpy(np.asarray(y, np.float32))
    w = torch.zeros(x.shape[1], requires_grad=True)
    b = torch.zeros(1, requires_grad=True)
    opt = torch.optim.Adam([w, b], lr=0.05)
    for _ in range(steps):
        loss = F.binary_cross_entropy_with_logits(a @ w + b, t) + decay * (w * w).sum()
        opt.zero_grad()
        loss.backward()
        opt.step()
    w, b = w.detach().numpy(), b.detach().numpy()
    return lambda q: ((q - mean) / std) @ w + b


def matched(images, y, train, test, z):
    """How the network does where a thumbnail does not help: among test films whose thumbnail
    score lies where both classes have films, the AUC of the probe and of the network."""
    score = logistic(np.stack([thumbnail(images[i]) for i in train]), y[train])
    s, t = score(np.stack([thumbnail(images[i]) for i in test])), y[test]
    lo, hi = np.quantile(s[t], 0.02), np.quantile(s[~t], 0.98)
    m = (s >= min(lo, hi)) & (s <= max(lo, hi))
    return {"films": int(m.sum()), "pneumonia": int(t[m].sum()), "probe": metrics.auc(t[m], s[m]), "network": metrics.auc(t[m], z[m]),
            "interval": metrics.interval(metrics.auc, t[m], z[m])}


def run(images, y, train, tests):
    """AUC of each probe on each named test index."""
    out = {}
    for name, feature in PROBES.items():
        score = logistic(np.stack([feature(images[i]) for i in train]), y[train])
        out[name] = {t: metrics.auc(y[i], score(np.stack([feature(images[j]) for j in i]))) for t, i in tests.items()}
    return out
