"""Packages a DenseNet of torchxrayvision for radnode, for sites that can get its weights.

    python3 models/training/export_torchxrayvision.py OUT --weights densenet121-res224-all
    python3 models/training/export_torchxrayvision.py OUT --random     # same network, no meaning

The first needs the Python package torchxrayvision, which loads the weights itself. The
second makes the twin that the tests compare with: architecture, preparation, operating
points and outputs are the same, only the weights say nothing.

Preparation as torchxrayvision.datasets does it: grey image to -1024..1024, the largest
square around the middle, 224 x 224 by area. Probabilities are scaled per label so that the
operating point of the weights lies at 0.5 (op_norm); labels without one are left out. The
class activation map is the product of the last features and the weights of the label.
"""
import argparse
import hashlib
import pathlib

import numpy as np
import onnx
import torch
import torch.nn.functional as F
import torchvision
import yaml
from torch import nn

OPSET = 13
SIZE = 224
# The codes are those of spec/finding_codes.csv that are confirmed; other labels keep
# their name alone.
CODES = {
    "Atelectasis": ("46621007", "Atelectasis"), "Consolidation": ("95436008", "Lung consolidation"), "Pneumothorax": ("36118008", "Pneumothorax"),
    "Edema": ("19242006", "Pulmonary edema"), "Emphysema": ("87433001", "Pulmonary emphysema"), "Fibrosis": ("51615001", "Pulmonary fibrosis"),
    "Effusion": ("60046008", "Pleural effusion"), "Pneumonia": ("233604007", "Pneumonia"), "Cardiomegaly": ("8186001", "Cardiomegaly"),
    "Nodule": ("427359005", "Solitary nodule of lung"), "Mass": ("309529002", "Lung mass"),
}
LABELS = ["Atelectasis", "Consolidation", "Infiltration", "Pneumothorax", "Edema", "Emphysema", "Fibrosis", "Effusion", "Pneumonia", "Pleural_Thickening",
          "Cardiomegaly", "Nodule", "Mass", "Hernia", "Lung Lesion", "Fracture", "Lung Opacity", "Enlarged Cardiomediastinum"]


class Graph(nn.Module):
    """A DenseNet with sigmoid, scaling by operating points and class activation maps."""
    def __init__(self, net, points):
        super().__init__()
        self.features, self.classifier = net.features, net.classifier
        self.register_buffer("keep", torch.tensor([i for i, p in enumerate(points) if np.isfinite(p)]))
        self.register_buffer("point", torch.tensor([p for p in points if np.isfinite(p)], dtype=torch.float32))

    def forward(self, x):
        f = F.relu(self.features(x))
        p = torch.sigmoid(self.classifier(f.mean((2, 3)))).index_select(1, self.keep)
        below, above = p / (2 * self.point), 1 - (1 - p) / (2 * (1 - self.point))
        weight = self.classifier.weight.index_select(0, self.keep)[:, :, None, None]
        return torch.where(p < self.point, below, above).clamp(0, 1), F.conv2d(f, weight)


def published(weights):
    import torchxrayvision as xrv
    net = xrv.models.DenseNet(weights=weights).eval()
    points = [float(v) for v in net.op_threshs]
    return net, list(net.pathologies), points, f"torchxrayvision {xrv.__version__} {weights}"


def twin():
    """The same architecture with seeded random weights and invented operating points."""
    torch.manual_seed(0)
    net = torchvision.models.densenet121(weights=None, num_classes=len(LABELS))
    net.features.conv0 = nn.Conv2d(1, 64, 7, 2, 3, bias=False)
    net.train()
    with torch.no_grad():  # a few passes give the batch norms statistics of their own
        for _ in range(4):
            net(1024 * (2 * torch.rand(4, 1, SIZE, SIZE) - 1))
    points = [0.3 + 0.02 * i for i in range(len(LABELS))]
    points[3] = float("nan")
    return net.eval(), LABELS, points, "random weights: they say nothing"


def manifest(labels, points, digest, source):
    kept = [(name, p) for name, p in zip(labels, points) if name and np.isfinite(p)]
    entries = []
    for name, _ in kept:
        code = CODES.get(name)
        entries.append({"name": name.lower().replace(" ", "_"), "threshold": 0.5, "heatmap": True, "urgency": 0,
                        "code": {"value": code[0], "scheme": "SCT", "meaning": code[1]} if code else None})
    return {
        "schema": 1, "id": "torchxrayvision-densenet", "version": "1.0.0", "name": "DenseNet-121 of torchxrayvision", "licence": "Apache-2.0",
        "onnx": "model.onnx", "digest": digest, "intended_use": "Research: pointing out findings on frontal chest films of adults, for a radiologist who reads every film.",
        "not_for": ["children", "lateral films", "ruling anything out"], "calibrated": False,
        "evaluation": f"{source}. Not evaluated on images of this site: the operating points are those published with the weights, scaled to 0.5. "
                      "Measure it on your own films before anybody relies on it.",
        "gate": {"modality": ["CR", "DX"], "body_part": ["CHEST", "THORAX", ""], "photometric": ["MONOCHROME1", "MONOCHROME2"], "view": ["PA", "AP", ""],
                 "age_years": {"min": 18, "max": 120}, "min_rows": SIZE, "min_columns": SIZE, "max_aspect": 2.0, "burned_in": "refuse",
                 "findings": [{"model": "chest-film-quality", "label": "chest_film", "present": True, "reason": "not a frontal chest film"},
                              {"model": "chest-film-quality", "label": "inverted", "present": False, "reason": "the grey scale is inverted"}]},
        "input": {"name": "image", "layout": "NCHW", "type": "float32", "channels": 1, "rows": SIZE, "columns": SIZE},
        # Scaled before it is resized, as the authors do: the resize then rounds nothing.
        "pipeline": [{"step": "grey"}, {"step": "normalise", "mode": "pm1024"}, {"step": "crop", "mode": "square"},
                     {"step": "resize", "rows": SIZE, "columns": SIZE, "interpolation": "area", "keep_aspect": False}],
        "outputs": {"probabilities": "probabilities", "heatmap": "cam"}, "labels": entries,
    }


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("out", help="folder of the package, e.g. torchxrayvision-densenet/1.0.0")
    p.add_argument("--weights", default="densenet121-res224-all")
    p.add_argument("--random", action="store_true", help="the twin with random weights")
    a = p.parse_args()
    net, labels, points, source = twin() if a.random else published(a.weights)
    graph = Graph(net, points).eval()
    out = pathlib.Path(a.out)
    out.mkdir(parents=True, exist_ok=True)
    file = out / "model.onnx"
    torch.onnx.export(graph, torch.zeros(2, 1, SIZE, SIZE), str(file), opset_version=OPSET, input_names=["image"], output_names=["probabilities", "cam"],
                      dynamic_axes={n: {0: "N"} for n in ("image", "probabilities", "cam")})
    onnx.checker.check_model(onnx.load(str(file)))
    digest = "sha256:" + hashlib.sha256(file.read_bytes()).hexdigest()
    (out / "manifest.yaml").write_text(yaml.safe_dump(manifest(labels, points, digest, source), sort_keys=False, width=120, allow_unicode=True))
    (out / "card.md").write_text(f"# DenseNet-121 of torchxrayvision\n\nSource of the weights: {source}.\n\n{__doc__}")
    print(f"{out}: {file.stat().st_size} bytes, {digest}")


if __name__ == "__main__":
    main()
