"""Reads DICOM files with the trained networks, as a spot check on real headers.

Display as in the node: modality LUT, VOI window or else 1-99 percentile stretch,
MONOCHROME1 inverted.
"""
import argparse
import pathlib

import numpy as np
import pydicom
import torch
from pydicom.pixel_data_handlers.util import apply_modality_lut, apply_voi_lut

import data
import deploy
import evaluate_pneumonia
import network
import train_pneumonia
import train_quality


def display(file):
    """The first frame as the node would show it, uint8 grey."""
    d = pydicom.dcmread(file, force=True)
    a = d.pixel_array
    if a.ndim == 4 or (a.ndim == 3 and d.get("SamplesPerPixel", 1) == 1):
        a = a[0]
    if a.ndim == 3:
        return a.mean(2).astype(np.uint8)
    v = apply_modality_lut(a, d).astype(np.float64)
    if "WindowWidth" in d or "VOILUTSequence" in d:
        v = apply_voi_lut(v.astype(a.dtype) if "VOILUTSequence" in d else v, d, index=0).astype(np.float64)
        lo, hi = v.min(), v.max()
    else:
        lo, hi = np.percentile(v, [1, 99])
    v = np.clip((v - lo) / max(hi - lo, 1e-6), 0, 1)
    if d.PhotometricInterpretation == "MONOCHROME1":
        v = 1 - v
    return (v * 255 + 0.5).astype(np.uint8)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("files", nargs="+")
    p.add_argument("--work", default="/tmp/radnode-training")
    a = p.parse_args()
    torch.set_num_threads(1)
    net = network.FilmNet(11).eval()
    net.load_state_dict(torch.load(pathlib.Path(a.work) / "quality" / "best.pt"))
    graph = deploy.QualityGraph(net, [1.0] * 11).eval()
    sick = deploy.PneumoniaGraph(evaluate_pneumonia.load_nets([pathlib.Path(a.work) / "pneumonia"])).eval()
    for file in a.files:
        try:
            im = display(file)
        except (AttributeError, NotImplementedError, RuntimeError, ValueError, KeyError) as e:
            print(f"{pathlib.Path(file).name}: not readable here: {str(e)[:80]}")
            continue
        tensor = lambda size: torch.from_numpy(data.squash(im, size)).float().div(255)[None, None]
        with torch.no_grad():
            q = graph(tensor(train_quality.SIZE))[0][0].numpy()
            s = float(sick(tensor(train_pneumonia.SIZE))[0])
        way = int(q[3:].argmax())
        print(f"{pathlib.Path(file).name}: chest film {q[0]:.3f}, AP {q[1]:.3f}, inverted {q[2]:.3f}, {deploy.LABELS[3 + way]} {q[3 + way]:.3f}; child pneumonia score {s:.3f}")


if __name__ == "__main__":
    main()
