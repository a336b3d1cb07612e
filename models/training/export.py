"""Writes a model package: ONNX file, manifest, card, figures and a golden case, after
checking that the graph gives the training framework's numbers.

The check runs the file in ONNX Runtime through onnxruntime-node, which must be on
NODE_PATH (models/training/train puts it there).
"""
import argparse
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import cv2
import numpy as np
import onnx
import torch
import yaml

import augment
import cards
import data
import deploy
import evaluate_pneumonia
import network
import train_pneumonia
import train_quality

HERE = pathlib.Path(__file__).resolve().parent
TOLERANCE = 1e-4
OPSET = 13


def phantom(size):
    """The golden case: a drawn chest of ellipses on a ramp; no patient's image."""
    g = np.random.default_rng(4)
    im = np.tile(np.linspace(60, 110, size), (size, 1)).T.astype(np.uint8).copy()
    at = lambda x, y: (int(x * size), int(y * size))
    cv2.ellipse(im, at(0.5, 0.55), at(0.44, 0.52), 0, 0, 360, 170, -1)
    for x in (0.31, 0.69):
        cv2.ellipse(im, at(x, 0.45), at(0.14, 0.3), 0, 0, 360, 60, -1)
    cv2.ellipse(im, at(0.56, 0.6), at(0.13, 0.15), -25, 0, 360, 185, -1)
    cv2.rectangle(im, at(0.47, 0.02), at(0.53, 0.98), 205, -1)
    for y in np.arange(0.2, 0.75, 0.08):
        cv2.ellipse(im, at(0.5, y + 0.1), at(0.36, 0.1), 0, 180, 360, 140, max(1, size // 90))
    return augment.sharpness(cv2.GaussianBlur(im, (0, 0), 1.0), g)


OUTPUTS = ("probabilities", "cam", "features")


def write_onnx(graph, size, file):
    x = torch.rand(2, 1, size, size)
    with torch.no_grad():
        outputs = list(OUTPUTS[:len(graph(x))])
    torch.onnx.export(graph, x, str(file), opset_version=OPSET, input_names=["image"], output_names=outputs,
                      dynamic_axes={name: {0: "N"} for name in ["image", *outputs]}, do_constant_folding=True)
    onnx.checker.check_model(onnx.load(str(file)))


def compare(graph, file, images):
    """Largest differences between torch and ONNX Runtime at several batch sizes, relative
    to the largest value where that exceeds 1 (the evidence maps are not bounded)."""
    size = images.shape[-1]
    g = np.random.default_rng(3)
    inputs = [g.random((3, 1, size, size), dtype=np.float32), np.zeros((1, 1, size, size), np.float32)]
    inputs += [images[i:i + n, None].astype(np.float32) / 255 for i, n in ((0, 1), (1, 7), (8, 16))]
    worst = {}
    for x in inputs:
        with torch.no_grad():
            want = dict(zip(OUTPUTS, (v.numpy() for v in graph(torch.from_numpy(x)))))
        for name, v in in_onnxruntime(file, x).items():
            worst[name] = max(worst.get(name, 0.0), float(np.abs(v - want[name]).max() / max(1.0, np.abs(want[name]).max())))
    return worst


def in_onnxruntime(file, x):
    with tempfile.TemporaryDirectory() as folder:
        x.tofile(f"{folder}/in.f32")
        done = subprocess.run(["node", str(HERE / "run_onnx.js"), str(file), f"{folder}/in.f32", *map(str, x.shape), f"{folder}/"],
                              capture_output=True, text=True, env=os.environ)
        if done.returncode:
            raise SystemExit(f"onnxruntime-node is needed on NODE_PATH for the check: {done.stderr.strip()[-300:]}")
        shapes = json.loads(done.stdout)["shapes"]
        return {name: np.fromfile(f"{folder}/{name}.f32", np.float32).reshape(s) for name, s in shapes.items()}


def golden(graph, size, folder):
    """The reference case of the manifest: input beside it, output as released."""
    x = (phantom(size).astype(np.float32) / 255)[None, None]
    file = folder / "golden.f32"
    x.tofile(file)
    with torch.no_grad():
        p = graph(torch.from_numpy(x))[0][0].numpy()
    return {"name": "drawn phantom", "tensor": file.name, "digest": digest(file), "output": [round(float(v), 7) for v in p], "tolerance": 1e-4}


def digest(file):
    return "sha256:" + hashlib.sha256(file.read_bytes()).hexdigest()


def package(graph, size, folder, work, manifest, card, images):
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "model.onnx"
    write_onnx(graph, size, file)
    worst = compare(graph, file, images)
    if not all(v <= TOLERANCE for v in worst.values()):  # also refuses NaN
        raise SystemExit(f"{folder}: the graph does not give the training framework's numbers: {worst}")
    manifest["digest"] = digest(file)
    manifest["references"] = [golden(graph, size, folder)]
    head = "# Written by models/training/export.py; the figures come from its evaluation.\n"
    (folder / "manifest.yaml").write_text(head + yaml.safe_dump(manifest, sort_keys=False, width=120, allow_unicode=True))
    shutil.copytree(work / "figures", folder / "figures", dirs_exist_ok=True)
    (folder / "card.md").write_text(card(worst, file.stat().st_size))
    print(f"{folder}: {file.stat().st_size} bytes, largest differences {worst}")


def report_of(work):
    """The evaluation's report, with what dicom_films.py measured where it ran."""
    report = json.loads((work / "report.json").read_text())
    program = work.parent / "program.txt"
    if program.exists():
        report["program"] = "## The test split through the built program, as DICOM\n```\n" + program.read_text() + "```\n"
    return report


def quality(a):
    work = pathlib.Path(a.work) / "quality"
    report = report_of(work)
    net = network.FilmNet(11).eval()
    net.load_state_dict(torch.load(work / "best.pt"))
    t = report["temperatures"]
    graph = deploy.QualityGraph(net, [t["chest_film"], t["view_ap"], t["inverted"]] + [t["orientation"]] * 8).eval()
    rows = data.read_rows(a.data)
    images = data.load(rows, train_quality.SIZE, a.cache)[data.indices(rows, "test")[::23][:24]]
    package(graph, train_quality.SIZE, HERE.parent / "chest-film-quality" / a.version, work, cards.quality_manifest(report, a.version, train_quality.SIZE),
            lambda worst, size: cards.quality_card(report, a.version, worst, size), images)


def pneumonia(a):
    work = pathlib.Path(a.work) / "pneumonia"
    report = report_of(work)
    graph = deploy.PneumoniaGraph(evaluate_pneumonia.load_nets(a.nets or [work]), *report["platt"]).eval()
    rows = [r for r in data.read_rows(a.data) if r.source == "kermany"]
    images = data.load(rows, train_pneumonia.SIZE, a.cache)[data.indices(rows, "test")[::25][:24]]
    report["typical"] = json.loads((work / "typical.json").read_text())
    folder = HERE.parent / "paediatric-pneumonia" / a.version
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(work / "typical.f32", folder)
    report["typical"]["digest"] = digest(folder / "typical.f32")
    package(graph, train_pneumonia.SIZE, folder, work, cards.pneumonia_manifest(report, a.version, train_pneumonia.SIZE),
            lambda worst, size: cards.pneumonia_card(report, a.version, worst, size), images)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("model", choices=["quality", "pneumonia"])
    p.add_argument("--data", default="../shared")
    p.add_argument("--work", default="/tmp/radnode-training")
    p.add_argument("--cache", default="/tmp/radnode-training/cache")
    p.add_argument("--nets", nargs="*", help="folders of the networks that the pneumonia graph averages")
    p.add_argument("--version", help="by default the version that is bundled")
    a = p.parse_args()
    a.version = a.version or {"quality": "1.0.0", "pneumonia": "1.1.0"}[a.model]
    torch.set_num_threads(1)
    {"quality": quality, "pneumonia": pneumonia}[a.model](a)


if __name__ == "__main__":
    main()
