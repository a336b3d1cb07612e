package report_test

import (
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/report"
)

// realStudy is a signed report on the last frame of a real image: a model's
// finding with a map, a reader's with a region and a length.
func realStudy(t *testing.T, d *dicom.Dataset) (report.Input, report.Picture) {
	t.Helper()
	in, uid := signed(t), d.UID(dicom.SOPInstanceUID)
	in.Source, in.Predecessors = []*dicom.Dataset{d}, nil
	rows, _ := d.Int(dicom.Rows)
	columns, _ := d.Int(dicom.Columns)
	frames, _ := d.Int(dicom.NumberOfFrames)
	frame := max(frames, 1)
	w, h := float64(columns), float64(rows)
	for i := range in.Analyses {
		in.Analyses[i].SOPInstanceUID, in.Analyses[i].Frame = uid, frame
		for k := range in.Analyses[i].Findings {
			if m := in.Analyses[i].Findings[k].Heatmap; m != nil {
				m.Width, m.Height = w, h
			}
		}
	}
	for i := range in.Findings {
		in.Findings[i].SOPInstanceUID, in.Findings[i].Frame = uid, frame
	}
	code := &radnode.Concept{Value: "60046008", Scheme: "SCT", Meaning: "Pleural effusion"}
	in.Findings = append(in.Findings, radnode.ReportFinding{SOPInstanceUID: uid, Frame: frame, Decision: radnode.Accepted, Finding: radnode.Finding{Label: "pleural_effusion", Code: code, Present: true},
		Reading: &radnode.Reading{Label: "pleural_effusion", Code: code, Text: "links", TrackingUID: "1.2.3.77", By: "li", At: now,
			Region:      &radnode.Region{Graphic: radnode.Polyline, Points: []float64{0, 0, w, h}},
			Measurement: &radnode.Measurement{Name: "length", Value: 12.5, Unit: "mm"}}})
	return in, report.Picture{Image: image.NewGray(image.Rect(0, 0, columns, rows)), SOPInstanceUID: uid, Frame: frame}
}

// judged reports whether the validators can judge objects that refer to an
// image: they refuse UIDs of roots that are none, which are the image's, and do
// not know these classes.
func judged(d *dicom.Dataset) bool {
	for _, t := range []dicom.Tag{dicom.StudyInstanceUID, dicom.SeriesInstanceUID, dicom.SOPInstanceUID} {
		if u := d.UID(t); !u.Valid() || u[1] != '.' || u[0] > '2' {
			return false
		}
	}
	retired := radnode.UID("1.2.840.10008.5.1.4.1.1.3") // ultrasound multi-frame
	return d.Text(dicom.Modality) != "RTDOSE" && d.Text(dicom.Modality) != "SEG" && d.UID(dicom.SOPClassUID) != retired
}

func utf8Set(d *dicom.Dataset) bool {
	sets := d.Texts(dicom.SpecificCharacterSet)
	return len(sets) == 0 || len(sets) == 1 && (sets[0] == "" || sets[0] == "ISO_IR 192")
}

// entities runs dcentvfy over files.
func entities(t *testing.T, files ...string) []string {
	t.Helper()
	list := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(list, []byte(strings.Join(files, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("dcentvfy", "-f", list).CombinedOutput()
	var errors []string
	for l := range strings.Lines(string(out)) {
		if strings.HasPrefix(l, "Error") {
			errors = append(errors, l)
		}
	}
	if err != nil && errors == nil {
		errors = append(errors, string(out))
	}
	return errors
}

func TestEveryObjectOnRealImagesPassesTheValidators(t *testing.T) {
	if _, err := exec.LookPath("dcentvfy"); err != nil {
		t.Skip("dcentvfy is not installed (Debian: dicom3tools)")
	}
	pattern := "ch*/*.dcm"
	if os.Getenv("RADNODE_TEST_ALL") != "" {
		pattern = "*/*.dcm"
	}
	dir := t.TempDir()
	t.Run("objects", func(t *testing.T) {
		for n, path := range shared(t, pattern) {
			f, err := dicom.ReadFile(path, dicom.Limits{})
			if err != nil || f.PixelData == nil || !judged(f.Dataset) {
				continue
			}
			t.Run(filepath.Base(path), func(t *testing.T) {
				t.Parallel()
				in, picture := realStudy(t, f.Dataset)
				list, err := report.Documents(in, report.Options{Pictures: []report.Picture{picture}})
				if radnode.CodeOf(err) == radnode.Invalid {
					t.Skip(err)
				}
				if err != nil {
					t.Fatal(err)
				}
				files := []string{path}
				for i, o := range list {
					if n, _ := f.Dataset.Int(dicom.SamplesPerPixel); o.Kind == "pr" && n > 1 && radnode.CodeOf(o.Err) == radnode.Unsupported {
						continue // a grayscale state is for no colour image
					}
					if o.Err != nil {
						t.Errorf("%s: %v", o.Kind, o.Err)
						continue
					}
					file := filepath.Join(dir, fmt.Sprintf("%d-%d.dcm", n, i))
					if err := os.WriteFile(file, content(t, o), 0o600); err != nil {
						t.Fatal(err)
					}
					sameWhenRead(t, file, o)
					files = append(files, file)
				}
				before := entities(t, path)
				for _, e := range entities(t, files...) {
					// It compares the bytes of names, which are in UTF-8 here and in another set there.
					if !slices.Contains(before, e) && (utf8Set(f.Dataset) || !strings.Contains(e, "<PatientName>")) {
						t.Error(e)
					}
				}
			})
		}
	})
}

// TestAPresentationStateKeepsTheGreysOfItsFrame: a state replaces what the image
// says of its grey values, so it must say the same.
func TestAPresentationStateKeepsTheGreysOfItsFrame(t *testing.T) {
	group := func(sequence dicom.Tag, fill func(*dicom.Dataset)) *dicom.Dataset {
		it, g := dicom.NewDataset(), dicom.NewDataset()
		fill(it)
		g.SetItems(sequence, it)
		return g
	}
	voiTable := func(width int, data []byte) *dicom.Dataset {
		it := dicom.NewDataset()
		it.SetBytes(dicom.LUTDescriptor, dicom.US, []byte{2, 0, 0, 0, byte(width), 0})
		it.SetBytes(dicom.LUTData, dicom.OW, data)
		return it
	}
	cases := []struct {
		name string
		do   func(d *dicom.Dataset)
		want string
	}{
		{"a window of its own of the second frame", func(d *dicom.Dataset) {
			d.SetInts(dicom.NumberOfFrames, 2)
			d.SetUID(dicom.SOPClassUID, dicom.EnhancedCTImageStorage)
			d.SetItems(dicom.SharedFunctionalGroupsSequence, group(dicom.PixelValueTransformationSequence, func(g *dicom.Dataset) {
				g.SetFloats(dicom.RescaleSlope, 2)
				g.SetFloats(dicom.RescaleIntercept, -1024)
			}))
			window := func(c float64) *dicom.Dataset {
				return group(dicom.FrameVOILUTSequence, func(g *dicom.Dataset) {
					g.SetFloats(dicom.WindowCenter, c)
					g.SetFloats(dicom.WindowWidth, 400)
				})
			}
			d.SetItems(dicom.PerFrameFunctionalGroupsSequence, window(40), window(50))
		}, "slope 2, intercept -1024, window 50 400 , 0 tables []"},
		{"a function", func(d *dicom.Dataset) {
			d.SetFloats(dicom.WindowCenter, 100)
			d.SetFloats(dicom.WindowWidth, 50)
			d.SetText(dicom.VOILUTFunction, "SIGMOID")
		}, "slope , intercept , window 100 50 SIGMOID, 0 tables []"},
		{"a width below 1", func(d *dicom.Dataset) {
			d.SetFloats(dicom.WindowCenter, 0.5)
			d.SetFloats(dicom.WindowWidth, 0.25)
		}, "slope , intercept , window 0.5 0.25 LINEAR_EXACT, 0 tables []"},
		{"a table of 12 bits", func(d *dicom.Dataset) { d.SetItems(dicom.VOILUTSequence, voiTable(12, []byte{0, 0, 255, 15})) },
			"slope , intercept , window   , 1 tables [0 0 255 255]"},
		{"bytes in words", func(d *dicom.Dataset) { d.SetItems(dicom.VOILUTSequence, voiTable(8, []byte{7, 0, 255, 0})) },
			"slope , intercept , window   , 1 tables [7 255]"},
		{"half a table", func(d *dicom.Dataset) { d.SetItems(dicom.VOILUTSequence, voiTable(16, []byte{7, 0})) },
			"slope , intercept , window   , 0 tables []"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := film("1.2.3.4.1", "Doe^Jane")
			c.do(d)
			in, _ := realStudy(t, d)
			frames, _ := d.Int(dicom.NumberOfFrames)
			ds, err := report.Presentation(in, "1.2.3.4.1", frames)
			if err != nil || ds == nil {
				t.Fatal(ds, err)
			}
			voi := ds.Item(dicom.SoftcopyVOILUTSequence)
			if voi == nil {
				voi = dicom.NewDataset()
			}
			var table []byte
			tables := voi.Items(dicom.VOILUTSequence)
			if len(tables) > 0 {
				e, _ := tables[0].Get(dicom.LUTData)
				table = e.Value
			}
			got := fmt.Sprintf("slope %s, intercept %s, window %s %s %s, %d tables %v", ds.Text(dicom.RescaleSlope), ds.Text(dicom.RescaleIntercept), voi.Text(dicom.WindowCenter),
				voi.Text(dicom.WindowWidth), voi.Text(dicom.VOILUTFunction), len(tables), table)
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			validateObject(t, mustFile(t, ds))
		})
	}
	d := film("1.2.3.4.1", "Doe^Jane")
	d.SetInts(dicom.PixelAspectRatio, 4, 3)
	in, _ := realStudy(t, d)
	ds, err := report.Presentation(in, "1.2.3.4.1", 0)
	if err != nil || fmt.Sprint(ds.Item(dicom.DisplayedAreaSelectionSequence).Ints(dicom.PresentationPixelAspectRatio)) != "[4 3]" {
		t.Errorf("aspect ratio: %v, %v", ds.Item(dicom.DisplayedAreaSelectionSequence).Ints(dicom.PresentationPixelAspectRatio), err)
	}
}
