package report_test

import (
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/report"
)

func grey() image.Image {
	img := image.NewGray(image.Rect(0, 0, 800, 1000))
	for y := range 1000 {
		for x := range 800 {
			img.SetGray(x, y, color.Gray{Y: uint8(40 + (x+y)/20)})
		}
	}
	return img
}

func TestSecondaryCapturesPassTheValidator(t *testing.T) {
	for name, in := range map[string]report.Input{"draft": input(), "signed": signed(t)} {
		t.Run(name, func(t *testing.T) {
			ds, err := report.SecondaryCapture(in, report.Picture{Image: grey(), SOPInstanceUID: "1.2.3.4.1"})
			if err != nil {
				t.Fatal(err)
			}
			validateObject(t, mustFile(t, ds))
			if out := os.Getenv("RADNODE_TEST_PICTURE"); out != "" {
				writePNG(t, out+name+".png", ds)
			}
		})
	}
	if _, err := report.SecondaryCapture(input(), report.Picture{Image: grey(), SOPInstanceUID: "1.9"}); radnode.CodeOf(err) != radnode.Invalid {
		t.Errorf("a foreign picture: got %v", err)
	}
}

// writePNG writes what an object shows, for people to look at.
func writePNG(t *testing.T, path string, ds *dicom.Dataset) {
	t.Helper()
	rows, _ := ds.Int(dicom.Rows)
	columns, _ := ds.Int(dicom.Columns)
	e, _ := ds.Get(dicom.PixelDataTag)
	img := image.NewRGBA(image.Rect(0, 0, columns, rows))
	for i := range rows * columns {
		copy(img.Pix[4*i:], e.Value[3*i:3*i+3])
		img.Pix[4*i+3] = 255
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, img); err != nil {
		t.Fatal(err)
	}
}

func TestSegmentationsAndPresentationStatesPassTheValidator(t *testing.T) {
	for name, in := range map[string]report.Input{"draft": input(), "signed": signed(t)} {
		for kind, write := range map[string]func(report.Input, radnode.UID, int) (*dicom.Dataset, error){"SEG": report.Segmentation, "fractional SEG": report.FractionalSegmentation, "GSPS": report.Presentation} {
			t.Run(name+" "+kind, func(t *testing.T) {
				ds, err := write(in, "1.2.3.4.1", 0)
				if err != nil || ds == nil {
					t.Fatalf("got %v, %v", ds, err)
				}
				validateObject(t, mustFile(t, ds))
				if none, err := write(in, "1.2.3.4.2", 0); none != nil || err != nil {
					t.Errorf("an image without findings: got %v, %v", none, err)
				}
			})
		}
	}
}

func TestSegmentAndFindingHaveOneTrackingUID(t *testing.T) {
	seg, err := report.FractionalSegmentation(input(), "1.2.3.4.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	uid := seg.Item(dicom.SegmentSequence).Text(dicom.TrackingUID)
	if got := tree(t, mustSR(t, input())); uid == "" || !strings.Contains(got, uid) {
		t.Errorf("tracking UID %q is not in the report", uid)
	}
	e, _ := seg.Get(dicom.PixelDataTag)
	at := func(x, y int) byte { return e.Value[y*800+x] }
	if at(300, 375) != 255 || at(10, 10) != 0 || at(400, 375) < 200 {
		t.Errorf("values at the maximum, outside and between: %d, %d, %d", at(300, 375), at(10, 10), at(400, 375))
	}
}

func TestEncapsulatedPDFsPassTheValidator(t *testing.T) {
	for name, in := range map[string]report.Input{"draft": input(), "signed": signed(t)} {
		t.Run(name, func(t *testing.T) {
			ds, err := report.EncapsulatedPDF(in, report.Picture{Image: grey(), SOPInstanceUID: "1.2.3.4.1"})
			if err != nil {
				t.Fatal(err)
			}
			validateObject(t, mustFile(t, ds))
			e, _ := ds.Get(dicom.EncapsulatedDocument)
			if !strings.HasPrefix(string(e.Value), "%PDF-1.5") || !strings.Contains(string(e.Value), "%%EOF") {
				t.Error("the document is no PDF")
			}
			if _, err := exec.LookPath("pdftotext"); err == nil {
				path := filepath.Join(t.TempDir(), "r.pdf")
				if err := os.WriteFile(path, e.Value, 0o600); err != nil {
					t.Fatal(err)
				}
				text, err := exec.Command("pdftotext", path, "-").Output()
				if err != nil || !strings.Contains(string(text), "王 小東") || !strings.Contains(string(text), "Pneumonia: detected") {
					t.Errorf("pdftotext: %v\n%s", err, text)
				}
			}
			if out := os.Getenv("RADNODE_TEST_PICTURE"); out != "" {
				if err := os.WriteFile(out+name+".pdf", e.Value, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
