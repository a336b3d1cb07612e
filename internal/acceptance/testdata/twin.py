"""twin.py ROOT FILM PACKAGE OUT.dcm: writes FILM (a picture) as a DICOM file whose display
is the picture itself, and prints what the twin of the published network says of it when
it is prepared as torchxrayvision.datasets does it, in the training framework."""
import json
import sys

root, film, package, out = sys.argv[1:]
sys.path.insert(0, root + "/models/training")
import cv2
import numpy as np
import pathlib
import pydicom
import torch

import dicom_films
import export_torchxrayvision as export

grey = cv2.imread(film, cv2.IMREAD_GRAYSCALE)
grey = np.ascontiguousarray(grey[:, 3:])  # odd sides: the square is not in the very middle
out = pathlib.Path(out)
dicom_films.save(out, grey, False, "050Y", "PA")
d = pydicom.dcmread(out)
d.WindowCenter, d.WindowWidth = 128, 256  # PS3.3 C.11.2.1.2: the 8-bit values as they are
d.save_as(out)

side = min(grey.shape)
y, x = grey.shape[0] // 2 - side // 2, grey.shape[1] // 2 - side // 2
square = (2 * (grey.astype(np.float32) / 255) - 1) * 1024
square = square[y:y + side, x:x + side]
square = cv2.resize(square, (export.SIZE, export.SIZE), interpolation=cv2.INTER_AREA)
net, labels, points, _ = export.twin()
with torch.no_grad():
    p = torch.sigmoid(net(torch.from_numpy(square)[None, None]))[0].numpy()
scaled = []
for value, point in zip(p, points):
    if np.isfinite(point):  # op_norm
        scaled.append(float(value / (2 * point) if value < point else 1 - (1 - value) / (2 * (1 - point))))
print(json.dumps(scaled))
