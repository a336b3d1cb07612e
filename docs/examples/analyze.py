#!/usr/bin/env python3
"""Has a film (DICOM, PNG or JPEG) read by the models of a node, with the standard library alone.

usage: RADNODE_URL=http://127.0.0.1:8080 RADNODE_TOKEN=… analyze.py now FILE
       analyze.py later FILE          as a job, whose end is waited for
       analyze.py draft FILE OUT.dcm  the unverified structured report of a DICOM file
Prints the findings as JSON.
"""
import json
import os
import sys
import time
import urllib.error
import urllib.request

PATH = "/api/v1/analyze"


def call(path, body=None, method=None, accept="application/json"):
    request = urllib.request.Request(os.environ["RADNODE_URL"] + path, data=body, method=method)
    request.add_header("Authorization", "Bearer " + os.environ["RADNODE_TOKEN"])
    request.add_header("Accept", accept)
    if body is not None:
        request.add_header("Content-Type", "application/octet-stream")
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            return response.read()
    except urllib.error.HTTPError as error:
        sys.exit(json.load(error)["message"])


def later(film):
    """A job outlives this program and the node: its id is all that must be kept."""
    job = json.loads(call(PATH + "/jobs", film))
    path = PATH + "/jobs/" + job["id"]
    while job["state"] in ("queued", "running"):
        time.sleep(0.3)
        job = json.loads(call(path))
    call(path, method="DELETE")
    if job["state"] == "failed":
        sys.exit(job["error"])
    return {"analyses": job["analyses"]}


def main():
    how, path = sys.argv[1:3]
    with open(path, "rb") as file:
        film = file.read()
    if how == "draft":
        with open(sys.argv[3], "wb") as out:
            out.write(call(PATH, film, accept="application/dicom"))
        return
    print(json.dumps(later(film) if how == "later" else json.loads(call(PATH, film))))


main()
