// Package archtest guards the architecture: which package may import which,
// who owns which third party, that the node links no C code, and that every
// package says what it is.
package archtest

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"strings"
	"testing"
)

const module = "github.com/radnode/radnode"

// layers is the table of docs/architecture.md: package pattern → our packages
// it may import. A pattern ending in /... covers the folder and what is below
// it; the longest match decides.
var layers = map[string][]string{
	".":                 {},
	"models":            {},
	"dimse/ul":          {},
	"hl7":               {"."},
	"dicom":             {"."},
	"dicom/...":         {".", "dicom", "dicom/..."},
	"dimse":             {".", "dicom", "dimse/ul"},
	"audit":             {"."},
	"auth":              {"."},
	"jobs":              {"."},
	"store":             {".", "dicom"},
	"store/...":         {".", "dicom", "store"},
	"preprocess/...":    {".", "models", "dicom/pixel", "preprocess/..."},
	"inference":         {".", "models", "dicom/pixel"},
	"report":            {".", "dicom", "dicom/...", "hl7"},
	"workflow":          {".", "audit", "dicom", "dicom/...", "hl7", "jobs", "report", "store"},
	"web/...":           {".", "dicom", "dicom/...", "auth", "audit", "web/..."},
	"worker":            {".", "models"},
	"worker/pixel":      {".", "models", "worker", "dicom", "dicom/...", "preprocess", "preprocess/...", "inference"},
	"node":              {".", "models", "dicom", "dicom/...", "dimse", "dimse/ul", "hl7", "audit", "auth", "jobs", "store", "store/...", "report", "workflow", "web/...", "worker"},
	"cmd/radnode":       {".", "node"},
	"cmd/radnode-pixel": {".", "worker/pixel"},
	"internal/...":      {".", "dicom", "dicom/...", "dimse", "dimse/ul"},
}

// owners is who alone may import a third party: import path prefix → packages.
var owners = map[string][]string{
	"github.com/suyashkumar/dicom":        {"dicom", "dicom/gen", "dicom/gentags"},
	"gocv.io/x/gocv":                      {"preprocess/..."},
	"github.com/yalue/onnxruntime_go":     {"inference"},
	"github.com/labstack/echo":            {"web/..."},
	"golang.org/x/image":                  {"report"},
	"github.com/riverqueue/river":         {"jobs", "store"},
	"modernc.org/sqlite":                  {"store"},
	"github.com/jackc/pgx":                {"store"},
	"github.com/pressly/goose":            {"store"},
	"github.com/prometheus/client_golang": {"web/...", "node"},
}

// cgoOwners are the packages that may hold C code; they run in the worker.
var cgoOwners = []string{"preprocess/...", "inference", "worker/pixel", "dicom/pixel/openjpeg", "dicom/pixel/charls"}

type goPackage struct {
	ImportPath   string
	Doc          string
	Imports      []string
	XTestImports []string
	CgoFiles     []string
	GoFiles      []string
}

func (p goPackage) name() string {
	if p.ImportPath == module {
		return "."
	}
	return strings.TrimPrefix(p.ImportPath, module+"/")
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		t.Fatalf("go list -m: %v", err)
	}
	command := exec.Command("go", "list", "-json", "./...")
	command.Dir = strings.TrimSpace(string(root))
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	var list []goPackage
	decoder := json.NewDecoder(out)
	for {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	if err := command.Wait(); err != nil {
		t.Fatalf("go list: %v", err)
	}
	return list
}

func matches(pattern, name string) bool {
	if folder, ok := strings.CutSuffix(pattern, "/..."); ok {
		return name == folder || strings.HasPrefix(name, folder+"/")
	}
	return pattern == name
}

func matchesAny(patterns []string, name string) bool {
	for _, p := range patterns {
		if matches(p, name) {
			return true
		}
	}
	return false
}

// rule returns the longest pattern of layers that covers name.
func rule(name string) (allowed []string, found bool) {
	best := -1
	for pattern, list := range layers {
		if matches(pattern, name) && len(strings.TrimSuffix(pattern, "/...")) > best {
			best, allowed, found = len(strings.TrimSuffix(pattern, "/...")), list, true
		}
	}
	return allowed, found
}

func TestPackagesImportOnlyTheLayersBelowThem(t *testing.T) {
	for _, p := range packages(t) {
		allowed, found := rule(p.name())
		if !found {
			t.Errorf("%s is in no layer; add it to the table and to docs/architecture.md", p.name())
			continue
		}
		for _, imported := range p.Imports {
			if imported != module && !strings.HasPrefix(imported, module+"/") {
				continue
			}
			if name := (goPackage{ImportPath: imported}).name(); !matchesAny(allowed, name) {
				t.Errorf("%s imports %s; it may import only %v", p.name(), name, allowed)
			}
		}
	}
}

func TestEachThirdPartyHasOneOwner(t *testing.T) {
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			for prefix, list := range owners {
				if strings.HasPrefix(imported, prefix) && !matchesAny(list, p.name()) {
					t.Errorf("%s imports %s, which belongs to %v alone", p.name(), imported, list)
				}
			}
		}
	}
}

func TestCCodeLivesOnlyInTheWorker(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.CgoFiles) > 0 && !matchesAny(cgoOwners, p.name()) {
			t.Errorf("%s holds cgo files %v; C code belongs to %v", p.name(), p.CgoFiles, cgoOwners)
		}
	}
	out, err := exec.Command("go", "list", "-deps", module+"/cmd/radnode").Output()
	if err != nil {
		t.Fatalf("go list -deps: %v", err)
	}
	for _, dependency := range strings.Fields(string(out)) {
		if name := (goPackage{ImportPath: dependency}).name(); matchesAny(cgoOwners, name) {
			t.Errorf("cmd/radnode links %s", name)
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.GoFiles)+len(p.CgoFiles) > 0 && p.Doc == "" {
			t.Errorf("%s has no package comment", p.name())
		}
	}
}

func TestNoFileOrFolderHasAVagueName(t *testing.T) {
	vague := []string{"util", "utils", "helper", "helpers", "common", "misc", "shared", "manager"}
	for _, p := range packages(t) {
		for _, part := range strings.Split(p.name(), "/") {
			if matchesAny(vague, part) {
				t.Errorf("folder %s has a vague name", p.name())
			}
		}
		for _, file := range append(p.GoFiles, p.CgoFiles...) {
			if matchesAny(vague, strings.TrimSuffix(file, path.Ext(file))) {
				t.Errorf("file %s/%s has a vague name", p.name(), file)
			}
		}
	}
}
