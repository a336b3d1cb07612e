package dicom_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

var fuzzLimits = dicom.Limits{HeaderBytes: 1 << 20, ValueBytes: 1 << 18, Elements: 1 << 12, Items: 1 << 10, Fragments: 1 << 10, InflatedBytes: 1 << 22}

func seedFiles(f *testing.F) {
	for _, ts := range []radnode.UID{dicom.ImplicitVRLittleEndian, dicom.ExplicitVRLittleEndian, dicom.ExplicitVRBigEndian, dicom.DeflatedExplicitVRLittleEndian} {
		var b bytes.Buffer
		if err := dicom.WriteFile(&b, sample(), ts); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Add(object(f, dicom.ExplicitVRLittleEndian, nestedSequences(50)))
	f.Add(object(f, dicom.RLELossless, explicitLong(dicom.PixelDataTag, "OB", 0xffffffff)))
	if b, err := os.ReadFile("../../shared/dicom/malformed/nested_private_sequence.dcm"); err == nil {
		f.Add(b)
	}
}

// FuzzRead: no panic, and what was read can be written and reads back equal.
func FuzzRead(f *testing.F) {
	seedFiles(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := dicom.Read(bytes.NewReader(b), int64(len(b)), fuzzLimits)
		if err != nil {
			return
		}
		want := map[string][]string{}
		flatten(file.Dataset, "", want)
		var out bytes.Buffer
		if dicom.Write(&out, file.Dataset, dicom.ExplicitVRLittleEndian) != nil {
			return // what was tolerated need not be what may be written
		}
		if file.Dataset.Len() == 0 || len(file.Dataset.Warnings()) > 0 {
			return
		}
		again, err := dicom.ReadHeader(&out, dicom.ExplicitVRLittleEndian, dicom.Limits{})
		if err != nil {
			t.Fatalf("what was written does not read: %v", err)
		}
		got := map[string][]string{}
		flatten(again, "", got)
		for path, w := range want {
			if g := got[path]; !strings.HasPrefix(path, "00080005") && !strings.HasSuffix(path, "0000") && strings.Join(g, "|") != strings.Join(w, "|") {
				t.Errorf("%s: wrote %q, read %q", path, w, g)
			}
		}
	})
}

// FuzzReadHeader: no panic in any encoding of a stream.
func FuzzReadHeader(f *testing.F) {
	var b bytes.Buffer
	if err := dicom.Write(&b, sample(), dicom.ImplicitVRLittleEndian); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes(), uint8(0))
	f.Add(nestedSequences(40), uint8(1))
	syntaxes := []radnode.UID{dicom.ImplicitVRLittleEndian, dicom.ExplicitVRLittleEndian, dicom.ExplicitVRBigEndian, dicom.DeflatedExplicitVRLittleEndian, "1.2.3"}
	f.Fuzz(func(t *testing.T, b []byte, n uint8) {
		d, err := dicom.ReadHeader(bytes.NewReader(b), syntaxes[int(n)%len(syntaxes)], fuzzLimits)
		if err == nil {
			flatten(d, "", map[string][]string{})
		}
	})
}

// FuzzText: any bytes in any character set decode to something.
func FuzzText(f *testing.F) {
	f.Add("\\ISO 2022 IR 87", []byte("Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B"))
	f.Add("GB18030", []byte("Wang\xcd\xf5^\\"))
	f.Add("ISO_IR 13\\ISO 2022 IR 159", []byte{0xd4, 0xcf, 0x1b, '$', '(', 'D', 0x21})
	f.Fuzz(func(t *testing.T, charset string, value []byte) {
		d := dicom.NewDataset()
		d.SetText(dicom.SpecificCharacterSet, charset)
		for _, tag := range []dicom.Tag{dicom.PatientName, dicom.PatientComments, dicom.ImageComments} {
			d.SetBytes(tag, "", value)
			_ = d.Texts(tag)
		}
		d.ToUTF8()
	})
}
