#!/usr/bin/env python3
"""Runs a model on images over the Open Inference Protocol, with the standard library alone.

usage: RADNODE_URL=http://127.0.0.1:8080 RADNODE_TOKEN=… infer.py MODEL TENSOR
TENSOR holds one or more images as little-endian float32. Tensors go both ways in binary.
"""
import array
import json
import math
import os
import sys
import urllib.error
import urllib.request


def call(path, body=None, headers=None):
    request = urllib.request.Request(os.environ["RADNODE_URL"] + "/v2/models/" + path, data=body, headers=headers or {})
    request.add_header("Authorization", "Bearer " + os.environ["RADNODE_TOKEN"])
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.read(), response.headers
    except urllib.error.HTTPError as error:
        sys.exit(json.load(error)["error"])


def floats(raw):
    values = array.array("f")
    values.frombytes(raw)
    if sys.byteorder == "big":
        values.byteswap()
    return values.tolist()


def infer(model, tensor):
    described = json.loads(call(model)[0])["inputs"][0]
    each = 4 * math.prod(described["shape"][1:])
    header = json.dumps({
        "inputs": [{"name": described["name"], "datatype": "FP32", "shape": [len(tensor) // each] + described["shape"][1:],
                    "parameters": {"binary_data_size": len(tensor)}}],
        "parameters": {"binary_data_output": True},
    }).encode()
    body, headers = call(model + "/infer", header + tensor, {
        "Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(header))})
    at = int(headers["Inference-Header-Content-Length"])
    answer = json.loads(body[:at])
    for output in answer["outputs"]:
        size = output["parameters"]["binary_data_size"]
        output["data"] = floats(body[at:at + size])
        at += size
    return answer


def main():
    model, path = sys.argv[1:]
    with open(path, "rb") as file:
        answer = infer(model, file.read())
    first = answer["outputs"][0]
    print(json.dumps({"model": answer["model_name"], "version": answer["model_version"], first["name"]: first["data"]}))


main()
