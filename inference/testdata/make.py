"""Makes the test model package lung-test: a small convolutional network with
fixed weights, its manifest and two reference cases.

    python3 inference/testdata/make.py

Labels: bright (mean over 0.5), upper and lower (exclusive: where the brighter
half of the image lies), corner (a lesion: a spot much brighter than 0.8).
"""
import hashlib
import pathlib

import numpy as np
import torch

HERE = pathlib.Path(__file__).parent
FOLDER = HERE / "models" / "lung-test" / "1.0.0"


class Network(torch.nn.Module):
    """Feature maps at an eighth of the input, CAM as second output, the 16 means as
    features."""

    def forward(self, image):
        pooled = torch.nn.functional.avg_pool2d(image, 8)
        ramp = torch.linspace(1, -1, 4).reshape(1, 1, 4, 1)
        bright = 8 * (pooled - 0.5)
        upper = 4 * ramp * pooled
        lesion = 40 * (torch.nn.functional.max_pool2d(image, 8) - 0.8)
        cam = torch.cat([bright, upper, -upper, lesion], 1)
        mean = cam.mean(dim=(2, 3))
        logits = torch.cat([mean[:, :3], lesion.amax(dim=(2, 3))], 1)
        one = torch.sigmoid(logits[:, :1])
        two = torch.softmax(logits[:, 1:3], 1)
        three = torch.sigmoid(logits[:, 3:])
        return torch.cat([one, two, three], 1), cam, pooled.flatten(1)


class Kinds(torch.nn.Module):
    """One graph with the outputs of every other kind. The boxes are the 16 squares of the
    image, twice: the second time a little to the right and less sure; spots brighter
    than 0.8 score as bright, squares without one as dark. The mask is the brightness of
    every fourth pixel, the value a hundred times the mean."""

    def forward(self, image):
        n = image.shape[0]
        top = torch.nn.functional.max_pool2d(image, 8).flatten(1)
        grid = torch.tensor([[8.0 * c, 8.0 * r, 8.0 * c + 8, 8.0 * r + 8] for r in range(4) for c in range(4)])
        boxes = torch.cat([grid, grid + torch.tensor([1.0, 0, 1, 0])])[None] + 0 * image.mean(dim=(1, 2, 3))[:, None, None]
        bright = torch.sigmoid(40 * (top - 0.8))
        scores = torch.stack([bright, 1 - bright], 2)
        masks = torch.nn.functional.max_pool2d(image, 4)
        values = 100 * image.mean(dim=(2, 3))
        features = torch.nn.functional.avg_pool2d(image, 8).flatten(1)
        return boxes, torch.cat([scores, 0.9 * scores], 1), masks.clamp(0, 1), values, features


MANIFEST = """schema: 1
id: lung-test
version: 1.0.0
name: Lung test
licence: Apache-2.0
onnx: model.onnx
digest: {digest}
intended_use: Tests of the inference engine. It knows nothing about lungs.
not_for: [people]
calibrated: false
evaluation: "made by hand, judged on nothing"
gate:
  modality: [CR, DX, PX]
  min_rows: 32
  min_columns: 32
  max_aspect: 4
  burned_in: accept
input: {{name: image, layout: NCHW, type: float32, channels: 1, rows: 32, columns: 32}}
pipeline:
  - {{step: grey}}
  - {{step: resize, rows: 32, columns: 32, interpolation: area, keep_aspect: false}}
  - {{step: normalise, mode: unit}}
outputs:
  probabilities: probabilities
  heatmap: cam
labels:
  - {{name: bright, threshold: 0.5, heatmap: true}}
  - {{name: upper, exclusive: half}}
  - {{name: lower, exclusive: half}}
  - {{name: corner, code: {{value: "233604007", scheme: SCT, meaning: Pneumonia}}, threshold: 0.5, heatmap: true, urgency: 5}}
references:
{references}"""


def main():
    torch.manual_seed(1)
    FOLDER.mkdir(parents=True, exist_ok=True)
    network = Network().eval()
    path = FOLDER / "model.onnx"
    torch.onnx.export(
        network, torch.rand(2, 1, 32, 32), str(path), opset_version=13,
        input_names=["image"], output_names=["probabilities", "cam", "features"],
        dynamic_axes={"image": {0: "n"}, "probabilities": {0: "n"}, "cam": {0: "n"}, "features": {0: "n"}})
    outputs = ["boxes", "scores", "masks", "values", "features"]
    torch.onnx.export(
        Kinds().eval(), torch.rand(2, 1, 32, 32), str(HERE / "kinds.onnx"), opset_version=13,
        input_names=["image"], output_names=outputs, dynamic_axes={name: {0: "n"} for name in ["image", *outputs]})
    digest = lambda f: "sha256:" + hashlib.sha256(f.read_bytes()).hexdigest()
    references = ""
    ramp = np.linspace(0, 1, 32, dtype=np.float32)
    for name, image in [("top-bright", np.repeat(ramp[::-1, None], 32, 1)),
                        ("noise", np.random.default_rng(1).random((32, 32), np.float32))]:
        image = np.ascontiguousarray(image, np.float32).reshape(1, 1, 32, 32)
        file = FOLDER / (name + ".f32")
        image.astype("<f4").tofile(file)
        with torch.no_grad():
            out = network(torch.from_numpy(image))[0][0].tolist()
        references += f"  - {{name: {name}, tensor: {name}.f32, digest: \"{digest(file)}\", output: {out}, tolerance: 1.0e-5}}\n"
    (FOLDER / "manifest.yaml").write_text(MANIFEST.format(digest=digest(path), references=references))


if __name__ == "__main__":
    main()
