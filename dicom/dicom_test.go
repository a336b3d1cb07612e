package dicom_test

import (
	"bytes"
	"encoding/csv"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	upstream "github.com/suyashkumar/dicom"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// sample is a data set with every kind of VR and nested sequences.
func sample() *dicom.Dataset {
	d := dicom.NewDataset()
	d.SetText(dicom.SpecificCharacterSet, "ISO_IR 192")
	d.SetUID(dicom.SOPClassUID, dicom.CTImageStorage)
	d.SetUID(dicom.SOPInstanceUID, "1.2.3.4.5")
	d.SetText(dicom.PatientName, "Wang^XiaoDong=王^小東", "محمد")
	d.SetText(dicom.ImageType, "ORIGINAL", "PRIMARY", "AXIAL")
	d.SetFloats(dicom.PixelSpacing, 0.1, 1.0/3)
	d.SetInts(dicom.InstanceNumber, -7)
	d.SetInts(dicom.Rows, 512)
	d.SetInts(dicom.PixelRepresentation, 1)
	d.SetInts(dicom.SmallestImagePixelValue, -1024)
	d.SetFloats(dicom.DiffusionBValue, 1000.25)
	d.SetFloats(dicom.GraphicData, 1.5, 2.25)
	d.SetInts(dicom.FrameIncrementPointer, int(dicom.FrameTime))
	d.SetBytes(dicom.ExtendedOffsetTable, dicom.OV, []byte{1, 2, 3, 4, 5, 6, 7, 8})
	d.SetText(dicom.TextValue, "line one\r\nwith \\ backslash")
	inner := dicom.NewDataset()
	inner.SetText(dicom.CodeMeaning, "Ganzkörper")
	inner.SetItems(dicom.ReferencedSOPSequence)
	item := dicom.NewDataset()
	item.SetItems(dicom.ProcedureCodeSequence, inner, dicom.NewDataset())
	d.SetItems(dicom.RequestAttributesSequence, item)
	d.SetBytes(0x00091001, dicom.UN, []byte{1, 2, 3})
	d.SetBytes(dicom.PixelDataTag, dicom.OW, []byte{1, 2, 3, 4})
	return d
}

func TestWhatIsWrittenReadsBackInEveryUncompressedSyntax(t *testing.T) {
	want := map[string][]string{}
	flatten(sample(), "", want)
	for _, ts := range []radnode.UID{dicom.ImplicitVRLittleEndian, dicom.ExplicitVRLittleEndian, dicom.ExplicitVRBigEndian, dicom.DeflatedExplicitVRLittleEndian} {
		s, _ := dicom.LookupTransferSyntax(ts)
		t.Run(s.Name, func(t *testing.T) {
			var b bytes.Buffer
			if err := dicom.WriteFile(&b, sample(), ts); err != nil {
				t.Fatal(err)
			}
			f, err := dicom.Read(bytes.NewReader(b.Bytes()), int64(b.Len()), dicom.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string][]string{}
			flatten(f.Dataset, "", got)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
			if w := f.Dataset.Warnings(); len(w) > 0 {
				t.Errorf("warnings: %q", w)
			}
			ra, err := f.PixelReader(bytes.NewReader(b.Bytes()), int64(b.Len()), dicom.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			pixels := make([]byte, f.PixelData.Length)
			if _, err := ra.ReadAt(pixels, f.PixelData.Offset); err != nil && err != io.EOF {
				t.Fatal(err)
			}
			wantPixels := []byte{1, 2, 3, 4}
			if f.PixelData.BigEndian {
				wantPixels = []byte{2, 1, 4, 3}
			}
			if d := cmp.Diff(wantPixels, pixels); d != "" {
				t.Errorf("pixels: %s", d)
			}
		})
	}
}

func TestWrittenFilesAreReadByDCMTK(t *testing.T) {
	if _, err := exec.LookPath("dcmdump"); err != nil {
		t.Skip("dcmdump is not installed (Debian: dcmtk)")
	}
	for _, ts := range []radnode.UID{dicom.ImplicitVRLittleEndian, dicom.ExplicitVRLittleEndian, dicom.ExplicitVRBigEndian, dicom.DeflatedExplicitVRLittleEndian} {
		path := filepath.Join(t.TempDir(), "f.dcm")
		var b bytes.Buffer
		if err := dicom.WriteFile(&b, sample(), ts); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("dcmdump", "+P", "PatientName", "+P", "CodeMeaning", path).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "王^小東") || !strings.Contains(string(out), "Ganzkörper") || strings.Contains(string(out), "E: ") {
			t.Errorf("%s: %v\n%s", ts, err, out)
		}
	}
}

func TestFragmentsKeepTheirBytesAndPlaces(t *testing.T) {
	d := dicom.NewDataset()
	d.SetUID(dicom.SOPClassUID, dicom.CTImageStorage)
	d.SetUID(dicom.SOPInstanceUID, "1.2.3")
	d.SetFragments(dicom.PixelDataTag, []byte("first!"), []byte("2nd"))
	d.SetBytes(dicom.DataSetTrailingPadding, dicom.OB, make([]byte, 4))
	var b bytes.Buffer
	if err := dicom.WriteFile(&b, d, dicom.RLELossless); err != nil {
		t.Fatal(err)
	}
	f, err := dicom.Read(bytes.NewReader(b.Bytes()), int64(b.Len()), dicom.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, fr := range f.PixelData.Fragments {
		got = append(got, string(b.Bytes()[fr.Offset:fr.Offset+fr.Length]))
	}
	if d := cmp.Diff([]string{"first!", "2nd\x00"}, got); d != "" {
		t.Error(d)
	}
	if !f.PixelData.Encapsulated || !f.Dataset.Has(dicom.DataSetTrailingPadding) {
		t.Errorf("encapsulated %v, element behind the pixels %v", f.PixelData.Encapsulated, f.Dataset.Has(dicom.DataSetTrailingPadding))
	}
	if err := dicom.WriteFile(io.Discard, d, dicom.ExplicitVRLittleEndian); radnode.CodeOf(err) != radnode.Invalid {
		t.Errorf("fragments in a native syntax: got %v", err)
	}
}

func TestAStreamedHeaderLosesNoByte(t *testing.T) {
	var b bytes.Buffer
	d := sample()
	d.SetBytes(dicom.PixelDataTag, dicom.OW, bytes.Repeat([]byte{7, 8}, 100_000))
	if err := dicom.Write(&b, d, dicom.ImplicitVRLittleEndian); err != nil {
		t.Fatal(err)
	}
	data := bytes.NewReader(b.Bytes())
	var file bytes.Buffer
	h, err := dicom.ReadHeader(io.TeeReader(data, &file), dicom.ImplicitVRLittleEndian, dicom.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if !h.HasPixelData() || h.Text(dicom.PatientName) != "Wang^XiaoDong=王^小東" {
		t.Errorf("header: pixel data %v, name %q", h.HasPixelData(), h.Text(dicom.PatientName))
	}
	if file.Len() > 40_000 {
		t.Errorf("%d bytes were taken to read a small header", file.Len())
	}
	if _, err := io.Copy(&file, data); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(file.Bytes(), b.Bytes()) {
		t.Error("the file is not what was sent")
	}
}

func TestTablesAreThoseOfTheStandard(t *testing.T) {
	rows := func(name string) []map[string]string {
		f, err := os.Open(filepath.Join("..", "..", "shared", "spec", name))
		if err != nil {
			t.Skip("the shared specification is not here")
		}
		defer f.Close()
		all, err := csv.NewReader(f).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		var out []map[string]string
		for _, r := range all[1:] {
			m := map[string]string{}
			for i, h := range all[0] {
				m[h] = r[i]
			}
			out = append(out, m)
		}
		return out
	}
	classes := rows("storage_sop_classes.csv")
	if len(classes) != len(dicom.StorageSOPClasses) {
		t.Errorf("%d classes, want %d", len(dicom.StorageSOPClasses), len(classes))
	}
	for _, r := range classes {
		if c, ok := dicom.LookupSOPClass(radnode.UID(r["uid"])); !ok || c.Name != r["name"] || c.Retired != (r["retired"] == "yes") {
			t.Errorf("%s: got %+v", r["uid"], c)
		}
	}
	syntaxes := rows("transfer_syntaxes.csv")
	if len(syntaxes) != len(dicom.TransferSyntaxes) {
		t.Errorf("%d syntaxes, want %d", len(dicom.TransferSyntaxes), len(syntaxes))
	}
	for _, r := range syntaxes {
		s, ok := dicom.LookupTransferSyntax(radnode.UID(r["uid"]))
		if !ok || s.Implicit != (r["vr"] == "implicit") || s.BigEndian != (r["endianness"] == "big") || s.Deflated != (r["deflated"] == "whole dataset") || s.Encapsulated != (r["encapsulated_pixel_data"] == "yes") {
			t.Errorf("%s: got %+v", r["uid"], s)
		}
	}
}

func TestTheUpstreamLibraryReadsTheSame(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/suyashkumar/dicom").Output()
	if err != nil {
		t.Skip("the upstream module is not here")
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "testdata", "*.dcm"))
	if err != nil || len(files) == 0 {
		t.Fatal("the upstream module has no test data")
	}
	for _, path := range files {
		f, err := dicom.ReadFile(path, dicom.Limits{})
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		want, err := upstream.ParseFile(path, nil, upstream.SkipPixelData())
		if err != nil {
			t.Errorf("%s: upstream: %v", path, err)
			continue
		}
		for _, e := range want.Elements {
			texts, ok := e.Value.GetValue().([]string)
			tag := dicom.Tag(uint32(e.Tag.Group)<<16 | uint32(e.Tag.Element))
			if !ok || tag.Group() == 2 || f.Dataset.Texts(tag) == nil {
				continue
			}
			if got, w := strings.Join(f.Dataset.Texts(tag), `\`), strings.Join(texts, `\`); strings.Trim(got, " ") != strings.Trim(w, " \x00") && !strings.Contains(w, " ") {
				t.Errorf("%s %s: got %q, want %q", filepath.Base(path), tag, got, w)
			}
		}
	}
}

func TestMalformedFilesEndInAnErrorOrAWarning(t *testing.T) {
	failing := map[string]radnode.Code{
		"ct_no_meta_no_preamble.dcm": radnode.Invalid, // mangled by a transfer in text mode
		"rtplan_truncated.dcm":       radnode.Invalid,
	}
	for _, path := range sharedFiles(t, "malformed/*.dcm") {
		name := filepath.Base(path)
		f, err := dicom.ReadFile(path, dicom.Limits{})
		if got, want := radnode.CodeOf(err), failing[name]; got != want {
			t.Errorf("%s: got %q (%v), want %q", name, got, err, want)
			continue
		}
		if err == nil {
			t.Logf("%s: %d elements, %q", name, f.Dataset.Len(), f.Dataset.Warnings())
		}
	}
}

func TestWhatIsNoDICOMFileIsRefused(t *testing.T) {
	for name, b := range map[string][]byte{
		"nothing":         {},
		"text":            []byte("Dear colleague, please find attached the images of the patient.\n"),
		"an HTTP request": []byte("GET / HTTP/1.1\r\nHost: example\r\n\r\n"),
		"a PNG":           []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"),
		"zeros":           make([]byte, 4096),
	} {
		if _, err := dicom.Read(bytes.NewReader(b), int64(len(b)), dicom.Limits{}); radnode.CodeOf(err) != radnode.Invalid {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
