package report_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/radnode/radnode"
)

// codeTable reads the table of finding codes: row by scheme and value.
func codeTable(t *testing.T) map[[2]string][]string {
	t.Helper()
	f, err := os.Open("../../shared/spec/finding_codes.csv")
	if err != nil {
		t.Skip("the table of confirmed codes is not beside the project: ", err)
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := map[[2]string][]string{}
	for _, r := range rows[1:] {
		if r[3] != "" {
			out[[2]string{r[2], r[3]}] = r
		}
	}
	return out
}

func TestBundledModelsUseConfirmedCodesAlone(t *testing.T) {
	table := codeTable(t)
	files, err := filepath.Glob("../models/*/*/manifest.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests: %v", err)
	}
	coded := 0
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var m struct {
			Labels []struct {
				Name string
				Code *radnode.Concept
			}
		}
		if err := yaml.Unmarshal(data, &m); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, l := range m.Labels {
			if l.Code == nil {
				continue
			}
			coded++
			row := table[[2]string{l.Code.Scheme, l.Code.Value}]
			switch {
			case row == nil:
				t.Errorf("%s: %s has the code %s, which is not in the table", path, l.Name, l.Code.Value)
			case row[5] != "P" && row[5] != "C2":
				t.Errorf("%s: %s has the code %s, whose standing is %s", path, l.Name, l.Code.Value, row[5])
			case row[4] != l.Code.Meaning:
				t.Errorf("%s: %s: meaning %q, the table says %q", path, l.Name, l.Code.Meaning, row[4])
			}
		}
	}
	if coded == 0 {
		t.Error("no label of a bundled model has a code")
	}
}
