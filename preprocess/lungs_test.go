package preprocess_test

import (
	"cmp"
	"context"
	"encoding/csv"
	"flag"
	"image"
	_ "image/jpeg"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/radnode/radnode/preprocess"
)

// shared is the folder of real files beside the repository.
func shared(tb testing.TB, parts ...string) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if filepath.Dir(dir) == dir {
			tb.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	path := filepath.Join(append([]string{dir, "..", "shared"}, parts...)...)
	if _, err := os.Stat(path); err != nil {
		tb.Skipf("the real files are not on this machine: %v", err)
	}
	return path
}

func greyFile(tb testing.TB, path string) preprocess.Image {
	tb.Helper()
	f, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	decoded, _, err := image.Decode(f)
	if err != nil {
		tb.Fatal(err)
	}
	b := decoded.Bounds()
	if g, ok := decoded.(*image.Gray); ok && g.Stride == b.Dx() {
		return preprocess.Image{Rows: b.Dy(), Columns: b.Dx(), Channels: 1, Pix8: g.Pix[:b.Dy()*b.Dx()]}
	}
	img := preprocess.Image{Rows: b.Dy(), Columns: b.Dx(), Channels: 1, Pix8: make([]byte, b.Dx()*b.Dy())}
	for y := range img.Rows {
		for x := range img.Columns {
			r, _, _, _ := decoded.At(b.Min.X+x, b.Min.Y+y).RGBA()
			img.Pix8[y*img.Columns+x] = byte(r >> 8)
		}
	}
	return img
}

// adultPA lists the postero-anterior films of adults with their labels.
func adultPA(tb testing.TB) (files []string, enlarged []bool) {
	tb.Helper()
	f, err := os.Open(shared(tb, "cxr", "labels.csv"))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		tb.Fatal(err)
	}
	column := func(name string) int { return slices.Index(rows[0], name) }
	for _, row := range rows[1:] {
		if row[column("dataset")] == "nih14" && row[column("view")] == "PA" {
			files = append(files, shared(tb, "cxr", row[column("file")]))
			enlarged = append(enlarged, strings.Contains(strings.ToLower(row[column("labels")]), "cardiomegaly"))
		}
	}
	return files, enlarged
}

var thorough = flag.Bool("thorough", false, "test on every film")

// The labels were mined from reports: the ratio must agree with them clearly
// more often than chance, and most films must have one at all.
func TestTheCardiothoracicRatioSeparatesEnlargedHeartsFromOthers(t *testing.T) {
	t.Parallel()
	files, enlarged := adultPA(t)
	p := mustCompile(t, steps{{"step": "grey"}, {"step": "lung_fields", "as": "lungs"}})
	type reading struct {
		ratio    float64
		enlarged bool
	}
	var readings []reading
	tried, others := 0, 0
	for i, file := range files {
		if !enlarged[i] {
			if others++; others%24 != 0 && !*thorough {
				continue
			}
		}
		tried++
		res, err := p.Run(context.Background(), greyFile(t, file), nil, preprocess.RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if v, ok := res.Features["cardiothoracic_ratio"]; ok {
			readings = append(readings, reading{v, enlarged[i]})
		}
	}
	slices.SortFunc(readings, func(a, b reading) int { return cmp.Compare(a.ratio, b.ratio) })
	var below, pairs, sick, sumSick, sumWell float64
	for i, r := range readings {
		if r.enlarged {
			sick++
			sumSick += r.ratio
			below += float64(i+1) - sick // well films with a smaller ratio
			continue
		}
		sumWell += r.ratio
	}
	well := float64(len(readings)) - sick
	pairs = sick * well
	t.Logf("%d of %d films have a ratio; enlarged: %.0f, mean %.3f; others: %.0f, mean %.3f; AUC %.3f",
		len(readings), tried, sick, sumSick/sick, well, sumWell/well, below/pairs)
	if float64(len(readings)) < 0.7*float64(tried) {
		t.Errorf("only %d of %d films have a ratio", len(readings), tried)
	}
	least := 0.65 // of a twentieth of the films: two standard errors below
	if *thorough {
		least = 0.75
	}
	if below/pairs < least {
		t.Errorf("AUC %.3f", below/pairs)
	}
}
