"""Runs the test split through the built program as DICOM, and measures what comes out.

    python3 dicom_films.py write FOLDER --data ../shared
    radnode analyze --json FOLDER > results.jsonl
    python3 dicom_films.py score FOLDER results.jsonl

Each image becomes a CR file without a window, once laid in a random one of eight ways and
with a right or wrong photometric interpretation; children's films once more as they are,
with an age of three years, for the pneumonia model.
"""
import argparse
import csv
import json
import pathlib

import cv2
import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

import augment
import data
import metrics

CR = "1.2.840.10008.5.1.4.1.1.1"


def save(file, grey, inverted, age, view):
    """A CR file; an inverted one says MONOCHROME1 over pixels that are MONOCHROME2."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = CR
    meta.MediaStorageSOPInstanceUID = generate_uid()
    d = FileDataset(str(file), {}, file_meta=meta, preamble=b"\0" * 128)
    d.SOPClassUID, d.SOPInstanceUID = CR, meta.MediaStorageSOPInstanceUID
    d.StudyInstanceUID, d.SeriesInstanceUID = generate_uid(), generate_uid()
    d.Modality, d.BodyPartExamined, d.PatientID, d.PatientName = "CR", "CHEST", file.stem, "TEST"
    d.ViewPosition, d.PatientAge, d.PatientOrientation = view, age, ""
    d.StudyDate, d.StudyTime, d.StudyID, d.SeriesNumber, d.InstanceNumber = "20260101", "120000", "1", 1, 1
    d.SamplesPerPixel, d.BitsAllocated, d.BitsStored, d.HighBit, d.PixelRepresentation = 1, 8, 8, 7, 0
    d.PhotometricInterpretation = "MONOCHROME1" if inverted else "MONOCHROME2"
    d.Rows, d.Columns = grey.shape
    pixels = np.ascontiguousarray(grey).tobytes()
    d.PixelData = pixels + b"\0" * (len(pixels) % 2)
    d["PixelData"].VR = "OB"
    d.is_little_endian, d.is_implicit_VR = True, False
    d.save_as(file, write_like_original=False)


def write(a):
    out = pathlib.Path(a.folder)
    out.mkdir(parents=True, exist_ok=True)
    g = np.random.default_rng(11)
    lines = []
    for n, r in enumerate(r for r in data.read_rows(a.data) if r.split == "test"):
        grey = cv2.imread(r.path, cv2.IMREAD_GRAYSCALE)
        k, inverted = int(g.integers(0, 8)), bool(g.random() < 0.5)
        if min(grey.shape) < 128:  # MedNIST: below the size the models accept
            grey = cv2.resize(grey, (256, 256), interpolation=cv2.INTER_LINEAR)
        save(out / f"q{n:05d}.dcm", augment.turn(grey, k), inverted, "", "")
        lines.append([f"q{n:05d}", r.source, r.labels, r.view, int(r.chest), k, int(inverted)])
        if r.source == "kermany":
            save(out / f"p{n:05d}.dcm", grey, False, "003Y", "AP")
            lines.append([f"p{n:05d}", r.source, r.labels, r.view, 1, 0, 0])
    with open(out / "films.csv", "w", newline="") as f:
        csv.writer(f).writerows([["name", "source", "labels", "view", "chest", "way", "inverted"]] + lines)
    print(f"{len(lines)} files in {out}")


def answers(file):
    """Findings by film and model, and the reasons of refused images."""
    got, refused = {}, {}
    for line in open(file):
        if not line.startswith("{"):
            continue
        r = json.loads(line)
        key = pathlib.Path(r["file"]).stem, r["model"]["id"]
        if r["gate"]["accepted"] and not r.get("error"):
            got[key] = {f["label"]: f for f in r["findings"]}
        else:
            refused[key] = r.get("error") or r["gate"]["reasons"]
    return got, refused


def score(a):
    got, refused = answers(a.results)
    films = list(csv.DictReader(open(pathlib.Path(a.folder) / "films.csv")))
    rows = [(f, got.get((f["name"], "chest-film-quality"))) for f in films if f["name"][0] == "q"]
    print(f"quality: {sum(q is not None for _, q in rows)} of {len(rows)} read")
    rows = [(f, q) for f, q in rows if q]
    share = lambda v: f"{np.mean(v):.4f} (n={len(v)})" if len(v) else "none"
    way = lambda q: [k for k, f in enumerate([v for name, v in q.items() if name.startswith("orientation_")]) if f["present"]]
    print("chest film or not", share([q["chest_film"]["present"] == (f["chest"] == "1") for f, q in rows]))
    seen = [(f["view"] == "AP", q["view_ap"]["probability"]) for f, q in rows if f["source"] in data.ADULT]
    print("view AUC, adults", round(metrics.auc(*zip(*seen)), 4), len(seen))
    for name, sources in (("children", ["kermany"]), ("adults", ["nih14", "hannover", "rsna"]), ("nih14", ["nih14"]), ("hannover", ["hannover"]), ("rsna", ["rsna"])):
        part = [(f, q) for f, q in rows if f["source"] in sources]
        print(name, "polarity", share([q["inverted"]["present"] == (f["inverted"] == "1") for f, q in part]),
              "orientation", share([way(q) == [int(f["way"])] for f, q in part]))
    sick = [(f["labels"] != "normal", got.get((f["name"], "paediatric-pneumonia"))) for f in films if f["name"][0] == "p"]
    read = [(y, q["pneumonia"]) for y, q in sick if q]
    y, p = np.array([v for v, _ in read]), np.array([q["probability"] for _, q in read])
    hit = np.array([q["present"] for _, q in read])
    print(f"pneumonia: {len(read)} of {len(sick)} read, AUC {metrics.auc(y, p):.4f}, sensitivity {hit[y].mean():.4f}, specificity {1 - hit[~y].mean():.4f}, ECE {metrics.ece(y, p):.4f}")
    reasons = {}
    for key, why in refused.items():
        if key[0][0] == "p" or key[1] == "chest-film-quality":
            reasons[str(why)] = reasons.get(str(why), 0) + 1
    print("refused:", reasons)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("verb", choices=["write", "score"])
    p.add_argument("folder")
    p.add_argument("results", nargs="?")
    p.add_argument("--data", default="../shared")
    a = p.parse_args()
    {"write": write, "score": score}[a.verb](a)


if __name__ == "__main__":
    main()
