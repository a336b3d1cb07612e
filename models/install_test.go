package models_test

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/radnode/radnode/models"
)

type entry struct{ name, text string }

func goodEntries(prefix string) []entry {
	return []entry{{prefix + "manifest.yaml", manifestWith()}, {prefix + "model.onnx", "graph"}, {prefix + "card.md", "# card"}}
}

func mustZip(t *testing.T, entries []entry) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "package.zip")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	for _, e := range entries {
		w, err := z.Create(e.name)
		if err == nil {
			_, err = io.WriteString(w, e.text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return name
}

func mustTar(t *testing.T, entries []entry, kind byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "package.tar.gz")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	w := tar.NewWriter(z)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Size: int64(len(e.text)), Mode: 0o600, Typeflag: kind}
		if kind == tar.TypeSymlink {
			h.Size, h.Linkname = 0, "/etc/passwd"
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if kind == tar.TypeReg {
			if _, err := io.WriteString(w, e.text); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(w.Close(), z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return name
}

func mustFolder(t *testing.T, entries []entry) string {
	t.Helper()
	dir := t.TempDir()
	for _, e := range entries {
		if err := os.WriteFile(filepath.Join(dir, e.name), []byte(e.text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAPackageIsInstalledFromAFolderAZipAndATar(t *testing.T) {
	sources := map[string]string{
		"a folder":            mustFolder(t, goodEntries("")),
		"a zip":               mustZip(t, goodEntries("")),
		"a zip with a folder": mustZip(t, goodEntries("lung-test/1.0.0/")),
		"a tar":               mustTar(t, goodEntries("./"), tar.TypeReg),
		"a tar with a folder": mustTar(t, goodEntries("any/"), tar.TypeReg),
	}
	for name, source := range sources {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			for range 2 { // again changes nothing
				p, err := models.Install(folder, source)
				if err != nil || p.Manifest.ID != "lung-test" {
					t.Fatalf("got %v, %v", p, err)
				}
			}
			if _, err := os.Stat(filepath.Join(folder, "lung-test", "1.0.0", "card.md")); err != nil {
				t.Error(err)
			}
			entries, err := os.ReadDir(folder)
			if err != nil || len(entries) != 1 {
				t.Errorf("left in the folder: %v, %v", entries, err)
			}
		})
	}
}

func TestABadPackageIsRefusedAndNothingIsLeft(t *testing.T) {
	evil := goodEntries("")
	evil[1].text = "another graph"
	tests := map[string]struct{ source, want string }{
		"a path that leaves the folder": {mustZip(t, append(goodEntries(""), entry{"../../evil", "x"})), `the name "../../evil" is not allowed`},
		"an absolute path":              {mustTar(t, []entry{{"/etc/evil", "x"}}, tar.TypeReg), "is not allowed"},
		"a link":                        {mustTar(t, []entry{{"manifest.yaml", ""}}, tar.TypeSymlink), "manifest.yaml is not a plain file"},
		"no manifest":                   {mustZip(t, goodEntries("")[1:]), "must hold one manifest.yaml, not 0"},
		"two manifests":                 {mustZip(t, append(goodEntries("a/"), goodEntries("b/")...)), "must hold one manifest.yaml, not 2"},
		"the same name twice":           {mustZip(t, append(goodEntries(""), goodEntries("")...)), "file exists"},
		"another graph":                 {mustZip(t, evil), "model.onnx is another file than the manifest names"},
		"a broken manifest":             {mustZip(t, []entry{{"manifest.yaml", "schema: 9"}}), "manifest.yaml:1: schema: must be 1"},
		"a text file":                   {mustFolder(t, goodEntries("")) + "/card.md", "a package is a folder, a .zip"},
		"nothing":                       {"/nowhere", "cannot be read"},
		"a broken zip":                  {mustRename(t, "x.zip"), "no zip archive"},
		"a broken tar":                  {mustRename(t, "x.tgz"), "no gzip file"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			_, err := models.Install(folder, tt.source)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if entries, err := os.ReadDir(folder); err != nil || len(entries) != 0 {
				t.Errorf("left in the folder: %v, %v", entries, err)
			}
		})
	}
}

// mustRename writes a file that is not what its name says.
func mustRename(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte("not what the name says"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAVersionIsNeverReplaced(t *testing.T) {
	folder := t.TempDir()
	if _, err := models.Install(folder, mustFolder(t, goodEntries(""))); err != nil {
		t.Fatal(err)
	}
	changed := goodEntries("")
	changed[0].text = manifestWith("Tests only.", "Something else.")
	if _, err := models.Install(folder, mustFolder(t, changed)); !errors.Is(err, models.ErrInstalled) {
		t.Errorf("got %v", err)
	}
}
