"""Changes that radiographs undergo between detector and display.

Each function takes and gives one uint8 grey image and draws from the given
numpy Generator only, so a seed fixes the whole training run.
"""
import cv2
import numpy as np

MARKS = ("L", "R", "PORTABLE", "AP", "ERECT", "SUPINE", "PA", "D", "LJ", "RT", "12:40", "1")


def geometry(im, g, degrees=10.0, stretch=0.15, shift=0.06):
    """Small rotation, uneven scale (another aspect before the squash), shift, shear."""
    s = im.shape[0]
    a = np.deg2rad(g.uniform(-degrees, degrees))
    sx, sy = np.exp(g.uniform(-stretch, stretch, 2)) * np.exp(g.uniform(-stretch, stretch) / 2)
    shear = g.uniform(-0.05, 0.05)
    m = np.array([[sx * np.cos(a), -sy * np.sin(a) + shear], [sx * np.sin(a), sy * np.cos(a)]])
    c = (s - 1) / 2
    t = np.array([c, c]) - m @ np.array([c, c]) + g.uniform(-shift, shift, 2) * s
    border = cv2.BORDER_REPLICATE if g.random() < 0.5 else cv2.BORDER_CONSTANT
    fill = float(g.choice([0, 0, 0, im.mean()]))
    return cv2.warpAffine(im, np.hstack([m, t[:, None]]), (s, s), flags=cv2.INTER_LINEAR, borderMode=border, borderValue=fill)


def tone(im, g, strength=1.0):
    """Window, percentile stretch, gamma and contrast of another display chain."""
    x = im.astype(np.float32)
    kind = g.random()
    if kind < 0.45:       # the 1-99 percentile stretch that stands in for a missing window
        lo, hi = np.percentile(im[::2, ::2], [g.uniform(0, 3), g.uniform(97, 100)])
        x = (x - lo) / max(hi - lo, 16)
    elif kind < 0.75:     # a window narrower or wider than the full range
        w = 255 * np.exp(g.uniform(-0.5, 0.4) * strength)
        c = 127.5 + g.uniform(-35, 35) * strength
        x = (x - c) / w + 0.5
    else:
        x = x / 255
    x = np.clip(x, 0, 1)
    if g.random() < 0.7:
        x = x ** np.exp(g.uniform(-0.6, 0.6) * strength)
    if g.random() < 0.2:  # sigmoid look-up table
        k = g.uniform(2, 7)
        x = 1 / (1 + np.exp(-k * (x - g.uniform(0.35, 0.65))))
    if g.random() < 0.4:  # reduced output range
        lo, hi = g.uniform(0, 0.2), g.uniform(0.75, 1.0)
        x = lo + x * (hi - lo)
    return (np.clip(x, 0, 1) * 255 + 0.5).astype(np.uint8)


def equalise(im, g):
    """Local contrast processing as many vendors apply it."""
    n = int(g.integers(2, 7))
    return cv2.createCLAHE(clipLimit=float(g.uniform(1, 4)), tileGridSize=(n, n)).apply(im)


def sharpness(im, g, smallest=48):
    """Other detectors, resolutions and compressions."""
    s = im.shape[0]
    kind = g.random()
    if kind < 0.35:       # less resolution
        n = int(np.exp(g.uniform(np.log(smallest), np.log(s))))
        small = cv2.resize(im, (n, n), interpolation=cv2.INTER_AREA)
        im = cv2.resize(small, (s, s), interpolation=cv2.INTER_AREA if g.random() < 0.5 else cv2.INTER_LINEAR)
    elif kind < 0.55:     # edge enhancement
        soft = cv2.GaussianBlur(im, (0, 0), g.uniform(0.7, 2.5))
        a = g.uniform(0.2, 1.2)
        im = cv2.addWeighted(im, 1 + a, soft, -a, 0)
    elif kind < 0.70:
        im = cv2.GaussianBlur(im, (0, 0), g.uniform(0.4, 1.6))
    if g.random() < 0.35:
        noise = g.standard_normal(im.shape, dtype=np.float32) * g.uniform(1, 10)
        im = np.clip(im + noise, 0, 255).astype(np.uint8)
    if g.random() < 0.35:
        im = cv2.imdecode(cv2.imencode(".jpg", im, [cv2.IMWRITE_JPEG_QUALITY, int(g.integers(25, 96))])[1], 0)
    return im


def collimate(im, g, most=0.14):
    """Shutter edges, scan borders and plates, on up to four sides."""
    s = im.shape[0]
    im = im.copy()
    v = int(g.choice([0, 0, 0, 255, int(g.integers(0, 256))]))
    for side in range(4):
        if g.random() < 0.5:
            n = int(g.uniform(0, most) * s)
            if n:
                cut = [slice(0, n), slice(s - n, s)][side % 2]
                if side < 2:
                    im[cut] = v
                else:
                    im[:, cut] = v
    return im


def mark(im, g):
    """A side marker or burned text near an edge, right or wrong alike: the answers are to
    come from the anatomy, not from what somebody wrote on the film."""
    s = im.shape[0]
    im = im.copy()
    x = int((g.uniform(0.0, 0.22) if g.random() < 0.5 else g.uniform(0.75, 0.95)) * s)
    y = int((g.uniform(0.06, 0.3) if g.random() < 0.7 else g.uniform(0.7, 1.0)) * s)
    v = int(g.choice([255, 255, 230, 0]))
    cv2.putText(im, str(g.choice(MARKS)), (x, y), cv2.FONT_HERSHEY_SIMPLEX, g.uniform(0.2, 0.6) * s / 128, v, int(g.integers(1, 3)), cv2.LINE_AA)
    return im


def erase(im, g):
    """Plates, electrodes, pacemakers: something covers part of the film."""
    s = im.shape[0]
    im = im.copy()
    h, w = (g.uniform(0.08, 0.3, 2) * s).astype(int)
    y, x = int(g.uniform(0, s - h)), int(g.uniform(0, s - w))
    im[y:y + h, x:x + w] = int(g.integers(0, 256))
    return im


def turn(im, k):
    """One of the eight ways to lay a film: k 0-3 turned clockwise by k*90 degrees,
    4-7 mirrored first."""
    if k >= 4:
        im = im[:, ::-1]
    return np.ascontiguousarray(np.rot90(im, -(k % 4)))


def film(im, g, strength=1.0):
    """The whole chain for one radiograph."""
    im = geometry(im, g, 10 * strength, 0.15 * strength)
    if g.random() < 0.15:
        im = equalise(im, g)
    im = sharpness(im, g) if g.random() < 0.8 else im
    im = tone(im, g, strength) if g.random() < 0.85 else im
    if g.random() < 0.35:
        im = collimate(im, g)
    if g.random() < 0.3:
        im = mark(im, g)
    if g.random() < 0.2:
        im = erase(im, g)
    return im


def no_film(s, g, chest):
    """An image that is no frontal chest film: texture, document, phantom, strip or
    a small cut-out of a chest image."""
    kind = int(g.integers(0, 7))
    if kind == 0:         # correlated noise
        n = int(g.integers(2, 40))
        im = cv2.resize(g.integers(0, 256, (n, n)).astype(np.uint8), (s, s), interpolation=cv2.INTER_CUBIC)
    elif kind == 1:       # a page of text
        bright = g.random() < 0.5
        im = np.full((s, s), 245 if bright else 5, np.uint8)
        for y in range(8, s, int(g.integers(6, 16))):
            text = "".join(g.choice(list("abcdefgh ijklmnop 0123456789"), int(g.integers(5, 30))))
            cv2.putText(im, text, (3, y), cv2.FONT_HERSHEY_PLAIN, g.uniform(0.3, 0.8), 10 if bright else 240, 1, cv2.LINE_AA)
    elif kind == 2:       # phantom: ellipses and boxes on a ground
        im = np.full((s, s), int(g.integers(0, 120)), np.uint8)
        for _ in range(int(g.integers(1, 9))):
            c = tuple(int(v) for v in g.uniform(0.1, 0.9, 2) * s)
            axes = tuple(int(v) for v in g.uniform(0.03, 0.45, 2) * s)
            cv2.ellipse(im, c, axes, g.uniform(0, 180), 0, 360, int(g.integers(0, 256)), -1 if g.random() < 0.6 else 2, cv2.LINE_AA)
        im = cv2.GaussianBlur(im, (0, 0), g.uniform(0.3, 4))
    elif kind == 3:       # ramp, step wedge, flat field
        ramp = np.tile(np.linspace(0, 255, s), (s, 1))
        ramp = np.floor(ramp / 255 * g.integers(1, 20)) if g.random() < 0.5 else ramp
        im = cv2.normalize(ramp, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
        im = turn(im, int(g.integers(0, 8)))
    elif kind == 4:       # a small part of a film
        n = int(g.uniform(0.12, 0.33) * s)
        y, x = g.integers(0, s - n, 2)
        im = cv2.resize(chest[y:y + n, x:x + n], (s, s), interpolation=cv2.INTER_LINEAR)
    elif kind == 5:       # a thin strip of a film, squashed to a square
        n = int(g.integers(2, s // 9))
        y = int(g.integers(0, s - n))
        im = cv2.resize(chest[y:y + n], (s, s), interpolation=cv2.INTER_LINEAR)
    else:                 # shuffled quarters: film texture without its anatomy
        h = s // 4
        tiles = [chest[y:y + h, x:x + h] for y in range(0, 4 * h, h) for x in range(0, 4 * h, h)]
        order = g.permutation(16)
        im = np.vstack([np.hstack([tiles[j] for j in order[i:i + 4]]) for i in range(0, 16, 4)])
        im = cv2.resize(im, (s, s))
    return turn(im, int(g.integers(0, 8)))
