package frames_test

import (
	"context"
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// The list of the collection was written with pydicom and dcmdump.
func TestHeadersAreDescribedAsTheCollectionListsThem(t *testing.T) {
	const root = "../../../shared/dicom"
	file, err := os.Open(filepath.Join(root, "INDEX.csv"))
	if err != nil {
		t.Skip("needs the collection of DICOM files: ", err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]int{}
	for i, name := range rows[0] {
		at[name] = i
	}
	cache, _ := mustOpen(t, 1, &decoder{})
	described := 0
	for _, row := range rows[1:] {
		name := row[at["file"]]
		if row[at["rows"]] == "" || strings.HasPrefix(name, "malformed") {
			continue
		}
		f, err := dicom.ReadFile(filepath.Join(root, name), dicom.DefaultLimits)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		d, err := cache.Describe(context.Background(), f, radnode.Instance{})
		if radnode.CodeOf(err) == radnode.Unsupported {
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		described++
		if strconv.Itoa(d.Rows) != row[at["rows"]] || strconv.Itoa(d.Columns) != row[at["columns"]] || (row[at["frames"]] != "" && strconv.Itoa(d.Frames) != row[at["frames"]]) {
			t.Errorf("%s: %d × %d × %d, listed %s × %s × %s", name, d.Rows, d.Columns, d.Frames, row[at["rows"]], row[at["columns"]], row[at["frames"]])
		}
		if want := row[at["photometric"]]; d.SamplesPerPixel == 1 && d.Photometric != want || d.Inverse != (want == "MONOCHROME1") && d.SamplesPerPixel == 1 {
			t.Errorf("%s: %s, inverse %v; listed %s", name, d.Photometric, d.Inverse, want)
		}
		if (d.Palette != nil && !d.Palette.Supplemental) != (row[at["photometric"]] == "PALETTE COLOR") {
			t.Errorf("%s: palette %v", name, d.Palette != nil)
		}
	}
	if described < 60 {
		t.Errorf("only %d images described", described)
	}
}

// TestPalettesAreDescribed: segments are expanded, and a supplemental palette
// colours only the values it is for.
func TestPalettesAreDescribed(t *testing.T) {
	cache, _ := mustOpen(t, 1, &decoder{})
	for name, supplemental := range map[string]bool{"image/enhct_explicit_le.dcm": true, "image/tp_palette_16bit_lut.dcm": false, "nonimage/seg_labelmap_palette.dcm": false} {
		f, err := dicom.ReadFile(filepath.Join("../../../shared/dicom", name), dicom.DefaultLimits)
		if err != nil {
			t.Skip("needs the collection of DICOM files: ", err)
		}
		d, err := cache.Describe(context.Background(), f, radnode.Instance{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p := d.Palette; p == nil || p.Supplemental != supplemental || len(p.Red) == 0 || len(p.Red) != len(p.Blue) {
			t.Errorf("%s: %+v", name, p)
		}
	}
}
