package dicom_test

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"strings"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// object returns a Part 10 file whose data set is body, in ts.
func object(tb testing.TB, ts radnode.UID, body []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	m := dicom.Meta{SOPClassUID: dicom.CTImageStorage, SOPInstanceUID: "1.2.3", TransferSyntaxUID: ts}
	if err := dicom.WriteMeta(&b, m); err != nil {
		tb.Fatal(err)
	}
	return append(b.Bytes(), body...)
}

func nestedSequences(n int) []byte {
	var b []byte
	for range n {
		b = append(b, 0x08, 0, 0x40, 0x11, 'S', 'Q', 0, 0, 0xff, 0xff, 0xff, 0xff)
		b = append(b, 0xfe, 0xff, 0x00, 0xe0, 0xff, 0xff, 0xff, 0xff)
	}
	return b
}

func explicitLong(t dicom.Tag, vr string, length uint32) []byte {
	b := binary.LittleEndian.AppendUint16(nil, t.Group())
	b = binary.LittleEndian.AppendUint16(b, t.Element())
	b = append(b, vr[0], vr[1], 0, 0)
	return binary.LittleEndian.AppendUint32(b, length)
}

func TestHostileObjectsEndInAnErrorWithBoundedMemory(t *testing.T) {
	type part = []byte
	tests := []struct {
		name  string
		ts    radnode.UID
		body  []byte
		limit dicom.Limits
		code  radnode.Code
	}{
		{"a value that claims 2 GB", dicom.ExplicitVRLittleEndian, explicitLong(0x00281201, "OW", 0x7ffffff0), dicom.Limits{}, radnode.Invalid},
		{"a value of 16 MB that is not there", dicom.ExplicitVRLittleEndian, explicitLong(0x00281201, "OW", 16<<20), dicom.Limits{}, radnode.Invalid},
		{"10000 nested sequences", dicom.ExplicitVRLittleEndian, nestedSequences(10000), dicom.Limits{}, radnode.TooLarge},
		{"a million empty items", dicom.ExplicitVRLittleEndian,
			append(explicitLong(0x00081140, "SQ", 8<<20), bytes.Repeat(part{0xfe, 0xff, 0, 0xe0, 0, 0, 0, 0}, 1<<20)...), dicom.Limits{}, radnode.TooLarge},
		{"too many elements", dicom.ExplicitVRLittleEndian, bytes.Repeat(part{0x09, 0, 0x10, 0x10, 'S', 'H', 0, 0}, 100), dicom.Limits{Elements: 50}, radnode.TooLarge},
		{"too much header", dicom.ExplicitVRLittleEndian, append(explicitLong(0x00281201, "OW", 5000), make([]byte, 5000)...), dicom.Limits{HeaderBytes: 1000}, radnode.TooLarge},
		{"a sequence of undefined length in UN, nested", dicom.ImplicitVRLittleEndian,
			bytes.Repeat(part{9, 0, 0x10, 0x10, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xff, 0, 0xe0, 0xff, 0xff, 0xff, 0xff}, 10000), dicom.Limits{}, radnode.TooLarge},
		{"an element longer than its item", dicom.ExplicitVRLittleEndian,
			append(explicitLong(0x00081140, "SQ", 16), 0xfe, 0xff, 0, 0xe0, 8, 0, 0, 0, 8, 0, 0x50, 0x11, 'U', 'I', 100, 0), dicom.Limits{}, radnode.Invalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := object(t, tt.ts, tt.body)
			check := func(how string, err error) {
				if got := radnode.CodeOf(err); got != tt.code {
					t.Errorf("%s: got %q (%v), want %q", how, got, err, tt.code)
				}
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := dicom.Read(bytes.NewReader(file), int64(len(file)), tt.limit)
			check("file", err)
			_, err = dicom.ReadHeader(bytes.NewReader(tt.body), tt.ts, tt.limit)
			check("stream", err)
			runtime.ReadMemStats(&after)
			if got := after.TotalAlloc - before.TotalAlloc; got > 200<<20 {
				t.Errorf("allocated %d MiB for %d bytes", got>>20, len(file))
			}
		})
	}
}

func TestTextThatIsNotAsDeclaredIsToldApartFromOtherDefects(t *testing.T) {
	for _, tt := range []struct{ name, charset, value, want string }{
		{"as declared", "ISO_IR 100", "J\xe9r\xf4me", ""},
		{"no declaration", "", "J\xe9r\xf4me", "PatientName: text beyond ASCII without a declared character set; read as ISO 8859-1"},
		{"a declaration that nobody knows", "ISO_IR 999", "Jerome", `unknown specific character set "ISO_IR 999"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := dicom.NewDataset()
			d.SetBytes(dicom.SpecificCharacterSet, dicom.CS, []byte(tt.charset+strings.Repeat(" ", len(tt.charset)%2)))
			d.SetBytes(dicom.PatientName, dicom.PN, []byte(tt.value+strings.Repeat(" ", len(tt.value)%2)))
			var b []byte
			for _, e := range d.Elements() { // explicit VR little endian, as sent
				b = append(b, byte(e.Tag>>16), byte(e.Tag>>24), byte(e.Tag), byte(e.Tag>>8), e.VR[0], e.VR[1], byte(len(e.Value)), 0)
				b = append(b, e.Value...)
			}
			read, err := dicom.ReadHeader(bytes.NewReader(b), "1.2.840.10008.1.2.1", dicom.DefaultLimits)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(read.TextWarnings(), "|"); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}
