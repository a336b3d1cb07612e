"""The graphs that are shipped: the trained network, read in several orientations,
with calibration and activation inside."""
import numpy as np
import torch
from torch import nn

import augment

LABELS = ["chest_film", "view_ap", "inverted"] + ["orientation_" + way for way in (
    "upright", "rotated_90", "rotated_180", "rotated_270", "mirrored", "mirrored_90", "mirrored_180", "mirrored_270")]


def turn_tensor(x, k):
    """augment.turn on the last two axes of a tensor."""
    if k >= 4:
        x = x.flip(3)
    quarter = k % 4
    if quarter == 1:
        return x.transpose(2, 3).flip(3)
    if quarter == 2:
        return x.flip(2, 3)
    if quarter == 3:
        return x.transpose(2, 3).flip(2)
    return x


def group_tables():
    """For the eight ways to lay a film: after[o][k], the way a film that lies in way o
    looks once it is turned by k, and back[k], the turn that undoes k."""
    probe = np.arange(16).reshape(4, 4)
    looks = {augment.turn(probe, k).tobytes(): k for k in range(8)}
    after = [[looks[augment.turn(augment.turn(probe, o), k).tobytes()] for k in range(8)] for o in range(8)]
    back = [next(j for j in range(8) if after[k][j] == 0) for k in range(8)]
    return after, back


class QualityGraph(nn.Module):
    """Reads the film in all eight orientations and averages: the answer to a turned
    film is then the turned answer, exactly."""
    def __init__(self, net, temperatures, ways=range(8)):
        super().__init__()
        self.net = net
        self.ways = list(ways)
        after, self.back = group_tables()
        self.order = [[0, 1, 2] + [3 + after[o][k] for o in range(8)] for k in self.ways]
        self.register_buffer("scale", 1 / torch.tensor(temperatures, dtype=torch.float32))

    def forward(self, x):
        n = len(self.ways)
        logits, maps = self.net(torch.cat([turn_tensor(x, k) for k in self.ways]))
        logits, maps = logits.chunk(n), maps.chunk(n)
        z = sum(l[:, o] for l, o in zip(logits, self.order)) / n
        cam = sum(turn_tensor(m[:, o], self.back[k]) for m, o, k in zip(maps, self.order, self.ways)) / n
        z = z * self.scale
        return torch.cat([torch.sigmoid(z[:, :3]), torch.softmax(z[:, 3:], 1)], 1), cam


class PneumoniaGraph(nn.Module):
    """Reads the film and its mirror image with each network and averages the log-odds
    of pneumonia; a and b are the Platt calibration found on validation. The features, of
    the networks one after the other, are what typical.py describes."""
    def __init__(self, nets, a=1.0, b=0.0):
        super().__init__()
        self.nets = nn.ModuleList(nets)
        self.a, self.b = a, b

    def forward(self, x):
        n = x.shape[0]
        both = torch.cat([x, x.flip(3)])
        odds, cams, features = [], [], []
        for net in self.nets:
            logits, maps, pooled = net.look(both)
            features.append((pooled[:n] + pooled[n:]) / 2)
            odds.append(torch.logsumexp(logits[:, 1:], 1) - logits[:, 0])
            evidence = torch.logsumexp(maps[:, 1:], 1, keepdim=True) - maps[:, :1]
            cams.append((evidence[:n] + evidence[n:].flip(3)) / 2)
        z = sum(o[:n] + o[n:] for o in odds) / (2 * len(odds))
        return torch.sigmoid(self.a * z + self.b)[:, None], sum(cams) / len(cams), torch.cat(features, 1)
