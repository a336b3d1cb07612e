package pixel_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/worker"
)

// hostileGraphs writes graphs with the inputs and outputs of the test model that
// do something else.
const hostileGraphs = `
import sys, onnx
from onnx import helper as h, TensorProto as T
out = sys.argv[1]
image = h.make_tensor_value_info("image", T.FLOAT, ["N", 1, 32, 32])
shapes = [("probabilities", ["N", 4]), ("cam", ["N", 4, "h", "w"])]
def save(name, nodes, initial=(), **more):
    # what every graph gives: the mean of the image four times, and the image four times as maps
    rest = [h.make_node("ReduceMean", ["image"], ["mean"], axes=[2, 3], keepdims=1), h.make_node("Mul", ["mean", "scale"], ["p4"]),
            h.make_node("Flatten", ["p4"], ["probabilities"]), h.make_node("Mul", ["image", "scale"], ["cam"])]
    scale = h.make_tensor("scale", T.FLOAT, [1, 4, 1, 1], [1, 1, 1, 1])
    names = [o for n in nodes for o in n.output]
    rest = [n for n in rest if not set(n.output) & set(names)]
    have = {i.name for i in initial}
    g = h.make_graph(nodes + rest, name, [image], [h.make_tensor_value_info(n, T.FLOAT, s) for n, s in shapes],
                     list(initial) + ([scale] if "scale" not in have else []))
    m = h.make_model(g, opset_imports=[h.make_opsetid("", 13)] + more.get("domains", []), ir_version=8)
    open(f"{out}/{name}.onnx", "wb").write(m.SerializeToString())
def number(name, kind, values, shape=None):
    return h.make_tensor(name, kind, shape if shape is not None else [len(values)], values)
save("plain", [])
outside = T(name="scale", data_type=T.FLOAT, dims=[1, 4, 1, 1], data_location=T.EXTERNAL)
for key, value in (("location", "etc/passwd"), ("offset", "0"), ("length", "16")):
    outside.external_data.add(key=key, value=value)
save("external", [], [outside])
hidden = h.make_graph([h.make_node("Identity", ["o"], ["b"])], "then", [], [h.make_tensor_value_info("b", T.FLOAT, None)])
secret = T(name="o", data_type=T.FLOAT, dims=[1, 4, 1, 1], data_location=T.EXTERNAL)
secret.external_data.add(key="location", value="../../../../etc/passwd")
hidden.initializer.append(secret)
save("external_in_a_branch", [h.make_node("If", ["yes"], ["scale"], then_branch=hidden, else_branch=hidden)], [number("yes", T.BOOL, [True], [])][:1] + [number("unused", T.FLOAT, [0])])
save("custom", [h.make_node("Evil", ["image"], ["probabilities"], domain="evil.example")], domains=[h.make_opsetid("evil.example", 1)])
body = h.make_graph([h.make_node("Identity", ["again"], ["goon"]), h.make_node("Add", ["x", "x"], ["y"])], "body",
    [h.make_tensor_value_info("i", T.INT64, []), h.make_tensor_value_info("again", T.BOOL, []), h.make_tensor_value_info("x", T.FLOAT, None)],
    [h.make_tensor_value_info("goon", T.BOOL, []), h.make_tensor_value_info("y", T.FLOAT, None)])
save("endless", [h.make_node("Loop", ["most", "yes", "image"], ["never"], body=body), h.make_node("ReduceMean", ["never"], ["m"], axes=[2, 3], keepdims=1),
    h.make_node("Mul", ["m", "scale"], ["p"]), h.make_node("Flatten", ["p"], ["probabilities"])],
    [number("most", T.INT64, [2**62], []), number("yes", T.BOOL, [True], [])])
save("huge", [h.make_node("ConstantOfShape", ["dims"], ["vast"]), h.make_node("ReduceMean", ["vast"], ["zero"], keepdims=0),
    h.make_node("ReduceMean", ["image"], ["m"], axes=[2, 3], keepdims=1), h.make_node("Add", ["m", "zero"], ["m0"]), h.make_node("Mul", ["m0", "scale"], ["p"]),
    h.make_node("Flatten", ["p"], ["probabilities"])], [number("dims", T.INT64, [2**31, 64])])
for name, value in (("not_a_number", float("nan")), ("infinite", float("inf"))):
    save(name, [], [number("scale", T.FLOAT, [value] * 4, [1, 4, 1, 1])])
save("vast_initializer", [h.make_node("Mul", ["mean", "scale"], ["p4"])], [T(name="scale", data_type=T.FLOAT, dims=[2**31, 2**31])])
`

// mustInstallGraph installs a graph under the manifest of the test model.
func mustInstallGraph(t *testing.T, folder, file string) {
	t.Helper()
	mustCopy(t, folder, "1.0.0")
	place := filepath.Join(folder, "lung-test", "1.0.0")
	graph, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(place, "manifest.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	changed, _, _ := strings.Cut(string(text), "references:")
	changed = strings.Replace(changed, lungDigest, fmt.Sprintf("sha256:%x", sha256.Sum256(graph)), 1)
	for name, data := range map[string][]byte{"manifest.yaml": []byte(changed), "model.onnx": graph} {
		if err := os.WriteFile(filepath.Join(place, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAHostileGraphIsRefusedAndNamedAndTheOthersWork(t *testing.T) {
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import onnx").Run(); err != nil {
		t.Skip("python3-onnx is not installed (scripts/packages train)")
	}
	graphs := t.TempDir()
	if out, err := exec.Command(python, "-c", hostileGraphs, graphs).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	tests := map[string]string{
		"plain":                "",
		"external":             "model.onnx keeps values in other files",
		"external_in_a_branch": "model.onnx keeps values in other files",
		"custom":               "evil.example",
		"endless":              "it ended the pixel worker while it was loaded: killed because it was not ready within",
		"huge":                 "no execution provider runs it: cpu:",
		"not_a_number":         "in \"probabilities\" where a probability belongs",
		"infinite":             "in \"probabilities\" where a probability belongs",
		"vast_initializer":     "model.onnx",
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			mustInstallGraph(t, folder, filepath.Join(graphs, name+".onnx"))
			pool, err := worker.Start(context.Background(), worker.Config{
				Command: []string{os.Args[0], "radnode-pixel"}, ModelsDir: folder, Library: library(t), Threads: 1,
				MemoryLimit: 2 << 30, Timeouts: worker.Timeouts{Start: 5 * time.Second},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer pool.Close()
			all, err := pool.Models(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			ready := map[string]bool{}
			reason := ""
			for _, m := range all {
				ready[m.ID] = m.State == worker.ModelReady
				if m.ID == "lung-test" || m.ID == "" {
					reason = m.Reason
				}
			}
			if ready["lung-test"] != (want == "") || !strings.Contains(reason, want) {
				t.Errorf("ready %v, reason %q, want %q", ready, reason, want)
			}
			if strings.Contains(reason, "root:") {
				t.Errorf("the reason tells what a file holds: %q", reason)
			}
			if !ready["chest-film-quality"] {
				t.Error("the other models are gone")
			}
			if _, err := pool.Infer(context.Background(), worker.InferRequest{Model: "lung-test", Images: 1, Input: tensor(1, 1)}); (err == nil) != (want == "") || err != nil && radnode.CodeOf(err) != radnode.Unavailable {
				t.Errorf("run: %v", err)
			}
		})
	}
}
