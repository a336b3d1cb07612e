"""The networks: small residual CNNs whose last layer is a 1x1 convolution before
the pooling, so that its output is the class activation map."""
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, cin, cout, stride=1):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(cin, cout, 3, stride, 1, bias=False), nn.BatchNorm2d(cout), nn.ReLU(),
            nn.Conv2d(cout, cout, 3, 1, 1, bias=False), nn.BatchNorm2d(cout))
        self.skip = nn.Identity()
        if stride != 1 or cin != cout:
            pool = [nn.AvgPool2d(2)] if stride == 2 else []
            self.skip = nn.Sequential(*pool, nn.Conv2d(cin, cout, 1, bias=False), nn.BatchNorm2d(cout))

    def forward(self, x):
        return torch.relu(self.body(x) + self.skip(x))


class FilmNet(nn.Module):
    """Image [N,1,S,S] in 0..1 to logits [N,K] and evidence maps [N,K,S/16,S/16].

    Each image is standardised by its own mean and deviation, so level and width
    of the display window fall out before the first weight.
    """
    def __init__(self, outputs, widths=(16, 32, 64, 128), depths=(1, 2, 3), dropout=0.2):
        super().__init__()
        layers = [nn.Conv2d(1, widths[0], 5, 2, 2, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()]
        for cin, cout, n in zip(widths, widths[1:], depths):
            layers += [Block(cin, cout, 2)] + [Block(cout, cout) for _ in range(n - 1)]
        self.features = nn.Sequential(*layers)
        self.drop = nn.Dropout(dropout)
        self.head = nn.Conv2d(widths[-1], outputs, 1)

    def standardise(self, x):
        mean = x.mean((2, 3), keepdim=True)
        d = x - mean
        return d / torch.sqrt((d * d).mean((2, 3), keepdim=True) + 1e-4)

    def look(self, x):
        """Logits, evidence maps and the pooled features [N,C] that both come from."""
        f = self.features(self.standardise(x))
        maps = self.head(self.drop(f))
        return maps.mean((2, 3)), maps, f.mean((2, 3))

    def forward(self, x):
        return self.look(x)[:2]


class Average:
    """Exponential moving average of weights and statistics."""
    def __init__(self, net, decay=0.998):
        self.decay, self.steps = decay, 0
        self.state = {k: v.clone() for k, v in net.state_dict().items()}

    def update(self, net):
        self.steps += 1
        d = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for k, v in net.state_dict().items():
            if v.dtype.is_floating_point:
                self.state[k].mul_(d).add_(v, alpha=1 - d)
            else:
                self.state[k].copy_(v)
