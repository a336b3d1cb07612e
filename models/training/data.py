"""Image lists and pixel caches of the training data.

The lists are the labels.csv files beside the images. Their splits are by
patient (by collection group where no patient is known) and are taken as given.
"""
import csv
import hashlib
import pathlib
from dataclasses import dataclass

import cv2
import numpy as np

ADULT = ("nih14", "hannover")
VIEW_SOURCES = ("nih14", "hannover", "kermany")


@dataclass(frozen=True)
class Row:
    """One image: where it is, where it comes from, what is known about it."""
    path: str
    source: str        # kermany, nih14, hannover, rsna, mednist
    split: str         # train, val, test
    patient: str
    view: str          # AP, PA or "" where unknown
    labels: str
    chest: bool        # a frontal chest film


def read_rows(data):
    """All images under the data folder (cxr, cxr_extra, bodypart)."""
    root = pathlib.Path(data)
    rows = []
    for r in _table(root / "cxr"):
        rows.append(Row(str(root / "cxr" / r["file"]), r["dataset"], r["split"], r["patient_id"], r["view"], r["labels"], True))
    for r in _table(root / "cxr_extra"):
        rows.append(Row(str(root / "cxr_extra" / r["file"]), "rsna", r["split"], r["file"], "", r["labels"], True))
    for r in _table(root / "bodypart"):
        chest = r["label"] == "CXR"
        rows.append(Row(str(root / "bodypart" / r["file"]), "mednist", r["split"], r["file"], "", r["label"], chest))
    return rows


def _table(folder):
    with open(folder / "labels.csv", newline="") as f:
        return list(csv.DictReader(f))


def load(rows, size, cache):
    """Grey images of the rows as uint8 [n, size, size].

    The resize squashes (the aspect is not kept) with INTER_AREA: the very step
    that the manifests declare. The result is cached, keyed by the list.
    """
    key = hashlib.sha256((str(size) + "\n".join(r.path for r in rows)).encode()).hexdigest()[:16]
    file = pathlib.Path(cache) / f"grey{size}-{key}.npy"
    if file.exists():
        return np.load(file)
    images = np.empty((len(rows), size, size), np.uint8)
    for i, r in enumerate(rows):
        grey = cv2.imread(r.path, cv2.IMREAD_GRAYSCALE)
        if grey is None:
            raise OSError(f"{r.path}: not readable as an image")
        images[i] = squash(grey, size)
    file.parent.mkdir(parents=True, exist_ok=True)
    np.save(file, images)
    return images


def squash(grey, size):
    return cv2.resize(grey, (size, size), interpolation=cv2.INTER_AREA)


def without_copies(rows, images, limit=0.995):
    """Index of the rows to keep: training images that are copies of a validation
    or test image of another folder are dropped (the public sets overlap)."""
    thumbs = np.stack([cv2.resize(im, (24, 24), interpolation=cv2.INTER_AREA).ravel() for im in images]).astype(np.float32)
    thumbs -= thumbs.mean(1, keepdims=True)
    thumbs /= np.linalg.norm(thumbs, axis=1, keepdims=True) + 1e-6
    kept_apart = np.array([r.split != "train" for r in rows])
    drop = set()
    for i, r in enumerate(rows):
        if r.split == "train" and r.chest and np.max(thumbs[kept_apart] @ thumbs[i]) > limit:
            drop.add(i)
    return [i for i in range(len(rows)) if i not in drop]


def indices(rows, split, **want):
    """Indices of the rows of a split whose fields have the wanted values."""
    def fits(r):
        return r.split == split and all(getattr(r, k) == v for k, v in want.items())
    return np.array([i for i, r in enumerate(rows) if fits(r)], dtype=np.int64)


def kermany_classes(rows):
    """0 normal, 1 bacterial, 2 viral for each row."""
    names = {"normal": 0, "pneumonia|bacterial": 1, "pneumonia|viral": 2}
    return np.array([names[r.labels] for r in rows], dtype=np.int64)
