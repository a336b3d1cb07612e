"""Manifests and model cards, filled from the evaluation's report."""
import deploy

PHOTOMETRIC = ["MONOCHROME1", "MONOCHROME2"]
SOURCES = {
    "kermany": ("Kermany", "children of 1-5 years, AP, Guangzhou", "CC BY 4.0, Kermany, Zhang, Goldbaum 2018, doi:10.17632/rscbjbr9sj"),
    "nih14": ("NIH ChestX-ray14", "adults, AP and PA, Bethesda", "no restriction; NIH Clinical Center, Wang et al. CVPR 2017"),
    "hannover": ("Hannover", "adults with COVID-19, AP and PA", "CC BY 3.0, Winther et al., doi:10.6084/m9.figshare.12275009"),
    "rsna": ("RSNA normals", "adults, view not stated, no patient numbers", "RSNA Pneumonia Detection Challenge, images of NIH origin: any use with attribution"),
    "mednist": ("MedNIST", "chest films and five other kinds of image, 64 px", "CC BY-SA 4.0 as far as known (B. J. Erickson, Mayo Clinic; sources TCIA, RSNA Bone Age, NIH)"),
}


def code(value, meaning, scheme="99RADNODE"):
    return {"value": value, "scheme": scheme, "meaning": meaning}


def pct(v):
    return f"{100 * v['value']:.2f} % [{100 * v['interval'][0]:.1f}-{100 * v['interval'][1]:.1f}]"


def three(v):
    return f"{v['value']:.3f} [{v['interval'][0]:.3f}-{v['interval'][1]:.3f}]"


def pair(v):
    return f"{v[0]:.3f} [{v[1][0]:.3f}-{v[1][1]:.3f}]"


def common(model, version, name, use, not_for, evaluation, gate, size, labels):
    return {
        "schema": 1, "id": model, "version": version, "name": name, "licence": "Apache-2.0", "onnx": "model.onnx", "digest": "",
        "intended_use": use, "not_for": not_for, "calibrated": True, "evaluation": evaluation, "gate": gate,
        "input": {"name": "image", "layout": "NCHW", "type": "float32", "channels": 1, "rows": size, "columns": size},
        "pipeline": [{"step": "grey"}, {"step": "resize", "rows": size, "columns": size, "interpolation": "area", "keep_aspect": False},
                     {"step": "normalise", "mode": "unit"}],
        "outputs": {"probabilities": "probabilities", "heatmap": "cam"}, "labels": labels,
    }


def quality_manifest(report, version, size):
    r = report["test"]["1-99 percentile"]
    evaluation = (f"Test patients not used in training: chest film or not {pct(r['chest']['all'])} correct (n={r['chest']['all']['n']}); "
                  f"view AP/PA of adults AUC {three(r['view']['adults'])} (n={r['view']['adults']['n']}); polarity {pct(r['polarity']['all films'])} correct; "
                  f"orientation, eight ways, {pct(r['orientation']['adults'])} of adults (n={r['orientation']['adults']['n']}) and "
                  f"{pct(r['orientation']['children'])} of children (n={r['orientation']['children']['n']}).")
    labels = []
    for i, name in enumerate(deploy.LABELS):
        # Technical labels have no code: they are no findings of the patient, and a
        # reader need not decide about them before signing.
        label = {"name": name, "code": None}
        if i < 3:
            label["threshold"] = report["thresholds"][name]
        else:
            label["exclusive"] = "orientation"
        label.update(heatmap=name in ("chest_film", "view_ap"), urgency=0)
        labels.append(label)
    gate = {"modality": ["CR", "DX"], "photometric": PHOTOMETRIC, "min_rows": 128, "min_columns": 128, "max_aspect": 3.0, "burned_in": "accept"}
    return common("chest-film-quality", version, "Chest-film quality",
                  "Tells whether a radiograph is a frontal chest film, its view (AP or PA), whether its grey scale is inverted and how it lies, "
                  "to confirm or question the header and to keep unfit images from other models.",
                  ["diagnosis", "lateral films", "animals", "replacing a side marker: a mirrored film cannot be told from situs inversus"],
                  evaluation, gate, size, labels)


def pneumonia_manifest(report, version, size):
    r = report["test"]["1-99 percentile"]
    evaluation = (f"Test patients of the training collection ({r['n']} films, {r['pneumonia']} with pneumonia): AUC {pair(r['auc'])}, "
                  f"sensitivity {pair(r['sensitivity'])}, specificity {pair(r['specificity'])} at the threshold {report['threshold']:.3f}, "
                  f"calibration error {pair(r['ece'])}; films of other sites will be read less well.")
    reason = "the film does not lie upright"
    findings = [{"model": "chest-film-quality", "label": "chest_film", "present": True, "reason": "not a frontal chest film"},
                {"model": "chest-film-quality", "label": "inverted", "present": False, "reason": "the grey scale is inverted"}]
    # A mirrored film is read like its mirror image, so it is not refused.
    findings += [{"model": "chest-film-quality", "label": w, "present": False, "reason": reason}
                 for w in deploy.LABELS[4:] if w != "orientation_mirrored"]
    gate = {"modality": ["CR", "DX"], "body_part": ["CHEST", "THORAX", ""], "photometric": PHOTOMETRIC, "view": ["AP", ""],
            "age_years": {"min": 1, "max": 5}, "min_rows": 128, "min_columns": 128, "max_aspect": 2.0, "burned_in": "refuse",
            "exposure": {"black": 0.6, "white": 0.3}, "findings": findings}  # no test film has more than 0.34 and 0.05
    label = {"name": "pneumonia", "code": code("233604007", "Pneumonia", "SCT"), "threshold": report["threshold"], "heatmap": True, "urgency": 5}
    t = report["typical"]
    if t["undecided"]:
        label["undecided"] = t["undecided"]
    manifest = common("paediatric-pneumonia", version, "Paediatric pneumonia",
                  "Points out frontal AP chest films of children of one to five years that look like bacterial or viral pneumonia, "
                  "for a radiologist who reads every film.",
                  ["adults", "infants under one year", "children over five years", "lateral or PA films", "ruling pneumonia out",
                   "telling bacterial from viral pneumonia", "any other disease"],
                  evaluation, gate, size, [label])
    manifest["outputs"]["features"] = "features"
    seen = "; ".join(f"{name}: {100 * v['outside']:.1f} % of {v['n']}" for name, v in t["films"].items())
    manifest["typical"] = {"file": "typical.f32", "digest": t["digest"], "size": t["size"], "limit": t["limit"], "outside": "refuse",
                           "evaluation": f"Outside the limit, which 1 % of validation films exceed: {seen}."}
    manifest["disturb"] = DISTURB
    return manifest


# Changes that a technician or a display makes without a thought.
DISTURB = [{"shift_rows": 0.03}, {"shift_rows": -0.03}, {"shift_columns": 0.03}, {"shift_columns": -0.03}, {"rotate": 4}, {"rotate": -4},
           {"zoom": 1.06}, {"zoom": 0.94}, {"gamma": 0.8}, {"gamma": 1.25}]


def table(head, rows):
    return "\n".join(["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)] + ["| " + " | ".join(map(str, r)) + " |" for r in rows]) + "\n"


def quality_card(report, version, worst, size):
    displays = list(report["test"])
    both = lambda task, key, fmt: [fmt(report["test"][d][task][key]) for d in displays]
    counts = report["counts"]
    data_rows = [(n, who, counts[s]["train"], counts[s]["val"], counts[s]["test"], licence) for s, (n, who, licence) in SOURCES.items()]
    per_source = {t: [(k, report["test"][displays[0]][t][k]["n"], *both(t, k, pct)) for k in report["test"][displays[0]][t] if "auc" not in k and t != "view"]
                  for t in ("chest", "polarity", "orientation", "orientation_inverted")}
    views = [(k, v["n"], *both("view", k, three if "AUC" in k or v.get("positive") is not None else pct)) for k, v in report["test"][displays[0]]["view"].items()]
    probes = [(name, probe, *(f"{v:.3f}" for v in auc.values())) for name, r in report["probes"].items() for probe, auc in r.items()]
    fails = report["failures"]
    return QUALITY_TEXT.format(
        version=version, size=size, data=table(["source", "who", "train", "val", "test", "terms"], data_rows),
        chest=table(["images", "n", *displays], per_source["chest"]), auc=three(report["test"][displays[0]]["chest"]["auc"]),
        polarity=table(["films", "readings", *displays], per_source["polarity"]),
        orientation=table(["films", "n", *displays], per_source["orientation"]), orientation_inverted=table(["films", "n", *displays], per_source["orientation_inverted"]),
        view=table(["films", "n", *displays], views), probes=table(["probe trained", "probe", "nih14", "hannover"], probes),
        thresholds=", ".join(f"{k} {v}" for k, v in report["thresholds"].items()),
        temperatures=", ".join(f"{k} {v:.2f}" for k, v in report["temperatures"].items()),
        ece=", ".join(f"{k} {v:.3f}" for k, v in report["ece"].items()), epochs=report["epochs"], program=report.get("program", ""),
        worst=", ".join(f"{k} {v:.1e}" for k, v in worst.items()), failed=len(fails), failures="\n".join("- " + f for f in fails[:40]))


def pneumonia_card(report, version, worst, size):
    rows = []
    for part in ("validation", "test"):
        for display in ("as stored", "1-99 percentile", "disturbed"):
            r = report[part][display]
            rows.append((part, display, r["n"], r["pneumonia"], *(pair(r[k]) for k in ("auc", "sensitivity", "specificity", "ece"))))
    r = report["test"]["as stored"]
    kinds = [(k, pair(r["auc " + k]), pair(r["sensitivity " + k])) for k in ("bacterial", "viral")]
    probes = [(name, f"{v['test']:.3f}") for name, v in report["probes"].items()]
    series = [(part, *(f"{report[part]['specificity by series of names'][s]:.3f}" for s in ("IM", "NORMAL2"))) for part in ("validation", "test")]
    c, n, t = report["counts"], report["patients"], report["typical"]
    outside = table(["films", "n", "outside the limit", "AUC of the distance against the test films"],
                    [(k, v["n"], f"{100 * v['outside']:.1f} %", v.get("auc", "")) for k, v in t["films"].items()])
    gap = "no range of probabilities is undecided" if not t["undecided"] else (
        f"undecided from {t['undecided']['from']:.3f} to {t['undecided']['to']:.3f}, set on validation films so that {100 * t['undecided']['coverage']:.0f} % of the films "
        f"of each class hold the truth in their set; on {t['conformal']['n']} test films that was {100 * t['conformal']['holds the truth, pneumonia']:.1f} % with and "
        f"{100 * t['conformal']['holds the truth, normal']:.1f} % without pneumonia, and {100 * t['conformal']['undecided']:.1f} % were undecided")
    return PNEUMONIA_TEXT.format(
        version=version, size=size, counts=table(["split", "patients", "normal", "bacterial", "viral"], [(s, n[s], *c[s]) for s in c]),
        figures=table(["split", "display", "films", "pneumonia", "AUC", "sensitivity", "specificity", "calibration error"], rows),
        kinds=table(["kind against normal", "AUC", "sensitivity"], kinds), probes=table(["what the probe sees", "AUC on test patients"], probes),
        series=table(["split", "IM-...", "NORMAL2-IM-..."], series), threshold=report["threshold"], platt=report["platt"],
        adults=report["adults"], called=f"{100 * report['adults']['called pneumonia']:.0f} %", clean=f"{100 * report['adults']['of these called pneumonia']:.0f} %",
        worst=", ".join(f"{k} {v:.1e}" for k, v in worst.items()), program=report.get("program", ""), m=report["matched"],
        matched=three({"value": report["matched"]["network"], "interval": report["matched"]["interval"]}),
        nets=("A residual CNN" if report["nets"] == 1 else f"{report['nets']} residual CNNs"),
        outside=outside, gap=gap, limit=t["limit"],
        failed=len(report["failures"]), failures="\n".join("- " + f for f in report["failures"][:40]))


QUALITY_TEXT = """# Chest-film quality {version}

Reads any CR or DX image and answers four questions: is it a frontal chest film, is the view AP or PA,
is the grey scale inverted, and in which of eight ways does it lie. The answers confirm or question the
header and keep unfit images from the models that follow. It says nothing about disease.

## Must not be used for
Diagnosis; lateral films; animals; deciding a patient's side: a mirrored film and a patient with situs
inversus look the same. View, polarity and orientation mean something only where chest_film is present.

## Network
A residual CNN of 0.97 million weights on a grey image squashed to 128x128 (`cv2.INTER_AREA`, aspect not kept),
standardised by its own mean and deviation inside the graph. The graph reads the image in all eight
orientations with the same weights and averages the answers brought back, so a turned film gets exactly the
turned answer. `cam` holds, per label, the evidence before pooling, turned back in the same way. File size
{size} bytes. ONNX Runtime against the training framework, largest difference: {worst}.

## Data
{data}
Splits are by patient (by image where the source has no patient number). Training images that are copies of
validation or test images of another folder were dropped. MedNIST's five other kinds of image (hand, head CT, chest CT,
abdomen CT, breast MR) and made-up images (noise, pages of text, phantoms, wedges, strips, cut-outs and shuffled
pieces of films) are the counter-examples. Because MedNIST is 64 px, films of all sources are brought down
to as little as 48 px at random in training, so that blur does not tell the answer. Polarity and orientation labels are made
by inverting and turning. View is learned where a source states it, with the children (all AP) at a fifth of the weight.
The licence of MedNIST, CC BY-SA 4.0 as far as known, asks for attribution and for the same licence on adapted material;
whether weights are such material is not settled. Whoever passes this model on should know it.

## Figures on the test split
Shares correct with 95 % bootstrap intervals (patients drawn, 500 times). "As stored" reads the 8-bit image; "1-99 percentile"
is the display of a file without a window in the header. Trained for {epochs} epochs; the epoch was chosen on validation.

### Frontal chest film or not (AUC {auc})
{chest}
### View (AUC; accuracy where named)
{view}
### Polarity (each film as it is and inverted)
{polarity}
### Orientation, eight ways
{orientation}
The same for films whose grey scale is inverted:

{orientation_inverted}
![ROC](figures/roc.png) ![orientation](figures/orientation.png)

## Operating points and calibration
Thresholds, from validation: {thresholds}. That of chest_film lets all but one in 400 films pass, as the field has more kinds of
other images than validation; the others are at equal errors. Temperatures, by validation loss, inside the graph: {temperatures}.
Expected calibration error on test: {ece}. Orientation: the largest of the eight.

![reliability](figures/reliability.png) ![learning](figures/learning.png)

## Does it learn the source instead of the view?
AP films are made of sicker patients with portable machines, so view could be told by frame, tone or sharpness. AUC of logistic
regressions that see no anatomy, on test films:

{probes}
The view figures above are given inside each source, where the source cannot be the cue.

{program}
Known error: the demonstration film of `make run`, a well positioned erect portable AP film of an adult from another hospital, is
read as PA (its markers say AP). Erect AP films are rare in the training data; a view that differs from the header is a
question to the reader, not a correction.

## What was read wrongly ({failed} remarks, test, as stored)
{failures}

## Limits
Orientation is weakest where disease or tubes hide the heart: nearly all errors are upright films of very ill patients read as
mirrored, and the Hannover test films are of six patients only, most errors of one of them. "Mirrored" is a question to the reader.
Trained on films of three institutions and on five other kinds of image: a kind of image that is in neither may be called a chest
film, lateral chest films and animals above all (a dog's chest gets about 0.57 where the threshold refuses it). Children over five years and infants are not in the data. Polarity and orientation faults are synthetic.
"""


PNEUMONIA_TEXT = """# Paediatric pneumonia {version}

Gives the probability that a frontal AP chest film of a child of one to five years shows pneumonia (bacterial or viral),
at a prevalence of one half. Runs only where the header gives an age of 1-5 years and the chest-film quality model
sees a frontal, upright film of right polarity.

## Must not be used for
Adults: of {adults[films]} adult test films it calls {called} pneumonia, and {clean} of those without any finding. Infants, older children,
lateral or PA films, ruling pneumonia out, telling bacterial from viral, any other disease. Not a medical device.

## Network
{nets} of 0.97 million weights, trained on normal, bacterial and viral; the graph reads the film and its mirror image,
averages the log-odds of (bacterial or viral) against normal, and calibrates them. Input: the grey image squashed to 160x160
(`cv2.INTER_AREA`, aspect not kept), standardised inside the graph. **The squash is part of the model**: the original
films of the two classes differ in size and shape. `cam` is the evidence before pooling: log-odds at each place. File size {size} bytes.
ONNX Runtime against the training framework, largest difference: {worst}.

## Data
Kermany, Zhang, Goldbaum 2018, doi:10.17632/rscbjbr9sj, CC BY 4.0: films of children of one to five years, Guangzhou Women and Children's
Medical Center, squashed to 224x224. Splits by patient:

{counts}
The collection's own "test" folder was not seen; published models lose several points of specificity there, and films of other
hospitals will be harder still.

Training disturbs frame, aspect, sharpness, noise, tone and compression strongly, mirrors at random, covers parts, blends films and smooths
the targets. Half of what it sees is normal. The epoch was chosen by validation loss, clean and disturbed.

## Figures
95 % bootstrap intervals, patients drawn. "Disturbed" films went through the same changes as in training: a measure of what other
machines may do.

{figures}
{kinds}
![ROC](figures/roc.png) ![reliability](figures/reliability.png) ![learning](figures/learning.png)

## Operating point and calibration
Threshold {threshold:.3f}, chosen on validation. Platt calibration of the log-odds, a and b = {platt}, on clean and
disturbed validation films with both classes weighing the same, inside the graph.

## Unlike films, undecided films, small changes
The distance of a film is that of the features of the graph from those of training films (Mahalanobis, over the root of their number).
Films over {limit:.2f}, which 1 % of the validation films exceed, get no probability. Counted on films that took no part:

{outside}
The distance tells hands and CTs from children's films far better than adults' films: the age in the header must keep those away.
Split conformal prediction: {gap}. With each probability the node shows its range over ten small changes of the
film (3 % shifts, 4° turns, 6 % zoom, gamma 0.8 and 1.25); a range across the threshold is a reason to look twice.

## Does it learn the source instead of the disease?
In part it may. Logistic regressions that see no lung detail reach these AUCs:

{probes}
So much of the class can be told in this collection from size of the body, frame, tone and sharpness: healthy and sick children were filmed
differently. A figure on patients of the same collection therefore flatters every model. Specificity in the two series
of normal films that the file names show:

{series}
Among the {m[films]} test films ({m[pneumonia]} with pneumonia) whose thumbnail fits either class, the thumbnail reaches {m[probe]:.3f} and the network
{matched}: it reads more than the outline, but the outline helps it.

{program}
## What was read wrongly ({failed} of the test films, as stored)
{failures}

## Limits
One hospital, one age range, labels by two physicians from the film alone; no lateral films, no other diseases as counter-examples, so
effusion, heart failure, atelectasis, tubes or poor inspiration may be called pneumonia.
"""
