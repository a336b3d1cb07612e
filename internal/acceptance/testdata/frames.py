"""Compares frames of a DICOMweb server with what pydicom decodes.

frames.py ROOT TOKEN FILE...: every frame of each file is asked for native and
in each lossless coding; prints one line for each file and coding.
"""
import json
import sys
import urllib.error
import urllib.request
import warnings

import numpy
import pydicom
import pydicom.encaps
from pydicom.dataset import Dataset, FileMetaDataset

warnings.simplefilter("ignore")
root, token, files = sys.argv[1], sys.argv[2], sys.argv[3:]
EXPLICIT = "1.2.840.10008.1.2.1"
CODINGS = {"image/jpeg": "1.2.840.10008.1.2.4.70", "image/jls": "1.2.840.10008.1.2.4.80", "image/jp2": "1.2.840.10008.1.2.4.90", "image/dicom-rle": "1.2.840.10008.1.2.5"}


def ask(path, accept, body=None, kind=None):
    request = urllib.request.Request(root + path, data=body, headers={"Authorization": "Bearer " + token, "Accept": accept})
    if kind:
        request.add_header("Content-Type", kind)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, "", refused.read()


def parts(kind, body):
    boundary = b"--" + kind.split("boundary=")[1].strip('"').encode()
    out = []
    for piece in body.split(b"\r\n" + boundary)[:-1]:
        head, _, content = piece.lstrip(b"\r\n").partition(b"\r\n\r\n")
        out.append((head.decode(), content))
    return out


def decoded(data, syntax, like):
    """The samples of one coded frame, by pydicom's own decoders."""
    d = Dataset()
    for name in ("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel", "PhotometricInterpretation"):
        setattr(d, name, getattr(like, name))
    if like.SamplesPerPixel > 1:
        d.PlanarConfiguration = 0
    if syntax == CODINGS["image/jp2"] and like.file_meta.TransferSyntaxUID != syntax and d.SamplesPerPixel == 3:
        d.PhotometricInterpretation = "YBR_RCT"
    d.file_meta = FileMetaDataset()
    d.file_meta.TransferSyntaxUID = syntax
    d.PixelData = pydicom.encaps.encapsulate([data if len(data) % 2 == 0 else data + b"\0"])
    d["PixelData"].is_undefined_length = True
    d["PixelData"].VR = "OB"
    d.is_little_endian, d.is_implicit_VR = True, False
    return d.pixel_array


for name in files:
    source = pydicom.dcmread(name)
    status, _, answer = ask("/studies", "application/dicom+json", open(name, "rb").read(), "application/dicom")
    if status not in (200, 202):
        print(name, "not stored", status)
        continue
    at = json.loads(answer)["00081199"]["Value"][0]["00081190"]["Value"][0].split("/dicom-web", 1)[1]
    want = source.pixel_array
    frames = int(getattr(source, "NumberOfFrames", 1) or 1)
    want = want if frames > 1 else want[None]
    for accept, syntax in [("application/octet-stream", None), *CODINGS.items()]:
        numbers = ",".join(str(i + 1) for i in range(frames))
        status, kind, body = ask(at + "/frames/" + numbers, f'multipart/related; type="{accept}"')
        if status == 406 and syntax:
            print(name, accept, "406", json.loads(body)["message"])
            continue
        assert status == 200, (name, accept, status, body[:200])
        got = parts(kind, body)
        assert len(got) == frames, (name, accept, len(got))
        for i, (head, data) in enumerate(got):
            told = head.split("transfer-syntax=")[1].split()[0]
            assert told in (syntax or EXPLICIT, source.file_meta.TransferSyntaxUID), (name, accept, head)
            if syntax is None:
                samples = numpy.frombuffer(data[: want[i].nbytes], want.dtype).reshape(want[i].shape)
            else:
                samples = decoded(data, told, source)
            assert (samples == want[i]).all(), f"{name}, frame {i + 1} as {accept}: {numpy.count_nonzero(samples != want[i])} samples differ"
        print(name, accept, "equal", frames)
