package dicom_test

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// explicitElement writes one element in explicit VR little endian.
func explicitElement(tag uint32, vr string, value []byte) []byte {
	b := binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(nil, uint16(tag>>16)), uint16(tag))
	b = append(b, vr...)
	switch vr {
	case "OB", "OW", "SQ", "UN", "UT":
		b = binary.LittleEndian.AppendUint32(append(b, 0, 0), uint32(len(value)))
	default:
		b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
	}
	return append(b, value...)
}

var (
	openSequence  = []byte{0x08, 0x00, 0x15, 0x11, 'S', 'Q', 0, 0, 0xff, 0xff, 0xff, 0xff}
	openItem      = []byte{0xfe, 0xff, 0x00, 0xe0, 0xff, 0xff, 0xff, 0xff}
	closeItem     = []byte{0xfe, 0xff, 0x0d, 0xe0, 0, 0, 0, 0}
	closeSequence = []byte{0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0}
	openPixels    = []byte{0xe0, 0x7f, 0x10, 0x00, 'O', 'B', 0, 0, 0xff, 0xff, 0xff, 0xff}
)

// undefinedSequences nests n sequences of undefined length.
func undefinedSequences(n int) []byte {
	var b []byte
	for range n {
		b = append(append(b, openSequence...), openItem...)
	}
	for range n {
		b = append(append(b, closeItem...), closeSequence...)
	}
	return b
}

// definedSequences nests n sequences of defined length.
func definedSequences(n int) []byte {
	var b []byte
	for range n {
		item := append(binary.LittleEndian.AppendUint32([]byte{0xfe, 0xff, 0x00, 0xe0}, uint32(len(b))), b...)
		b = explicitElement(0x00081115, "SQ", item)
	}
	return b
}

func items(n int) []byte {
	return explicitElement(0x00081115, "SQ", bytes.Repeat([]byte{0xfe, 0xff, 0x00, 0xe0, 0, 0, 0, 0}, n))
}

func texts(n, size int) []byte {
	var b []byte
	for i := range n {
		b = append(b, explicitElement(0x00090010+uint32(i), "LT", bytes.Repeat([]byte{'x'}, size))...)
	}
	return b
}

func fragments(n int) []byte {
	b := append(bytes.Clone(openPixels), bytes.Repeat([]byte{0xfe, 0xff, 0x00, 0xe0, 0, 0, 0, 0}, n+1)...)
	return append(b, closeSequence...)
}

func deflated(b []byte) []byte {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		panic(err)
	}
	if _, err := w.Write(b); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// TestEveryLimitIsRefusedByTheNameOfItsOption breaks each limit by one, and
// keeps to it.
func TestEveryLimitIsRefusedByTheNameOfItsOption(t *testing.T) {
	plain, jpeg, deflate := radnode.UID("1.2.840.10008.1.2.1"), radnode.UID("1.2.840.10008.1.2.4.50"), radnode.UID("1.2.840.10008.1.2.1.99")
	tests := []struct {
		option   string
		syntax   radnode.UID
		limits   dicom.Limits
		ok, over []byte
	}{
		{"max_header_mb", plain, dicom.Limits{HeaderBytes: 1000}, texts(1, 1000), texts(2, 502)},
		{"max_elements", plain, dicom.Limits{Elements: 3}, texts(3, 2), texts(4, 2)},
		{"max_items", plain, dicom.Limits{Items: 5}, items(5), items(6)},
		{"max_depth", plain, dicom.Limits{Depth: 4}, definedSequences(4), definedSequences(5)},
		{"max_depth", plain, dicom.Limits{Depth: 4}, undefinedSequences(4), undefinedSequences(5)},
		{"max_undefined_depth", plain, dicom.Limits{Undefined: 3}, undefinedSequences(3), undefinedSequences(4)},
		{"max_fragments", jpeg, dicom.Limits{Fragments: 7}, fragments(7), fragments(8)},
		{"max_fragments", jpeg, dicom.Limits{Fragments: 1}, fragments(1), append(bytes.Clone(openPixels), 0xfe, 0xff, 0x00, 0xe0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)},
		{"max_inflated_mb", deflate, dicom.Limits{InflatedBytes: 5000}, deflated(texts(1, 4000)), deflated(texts(2, 4000))},
		{"max_inflation", deflate, dicom.Limits{InflateRatio: 20}, deflated(texts(20, 60000)[:1<<20-100]), deflated(texts(60, 60000))},
	}
	for _, tt := range tests {
		t.Run(tt.option, func(t *testing.T) {
			if err := readAs(tt.syntax, tt.ok, tt.limits); radnode.CodeOf(err) == radnode.TooLarge {
				t.Errorf("within the limit: %v", err)
			}
			err := readAs(tt.syntax, tt.over, tt.limits)
			if radnode.CodeOf(err) != radnode.TooLarge || !strings.Contains(err.Error(), "(option "+tt.option+")") {
				t.Errorf("beyond the limit: %v", err)
			}
		})
	}
}

// readAs reads a data set behind a minimal meta information.
func readAs(ts radnode.UID, body []byte, lim dicom.Limits) error {
	uid := []byte(ts)
	if len(uid)%2 == 1 {
		uid = append(uid, 0)
	}
	meta := explicitElement(0x00020010, "UI", uid)
	file := append(append(append(make([]byte, 128), "DICM"...), explicitElement(0x00020000, "UL", binary.LittleEndian.AppendUint32(nil, uint32(len(meta))))...), meta...)
	file = append(file, body...)
	_, err := dicom.Read(bytes.NewReader(file), int64(len(file)), lim)
	return err
}

// TestLongHeadersArePassedOverWhereNothingNeedsThem: an RT structure set has
// more contours than a receiver keeps.
func TestLongHeadersArePassedOverWhereNothingNeedsThem(t *testing.T) {
	body := append(texts(4, 400), explicitElement(0x00100020, "LO", []byte("12"))...)
	d, err := dicom.ReadHeader(bytes.NewReader(body), "1.2.840.10008.1.2.1", dicom.Limits{HeaderBytes: 1000, PassOver: true})
	if err != nil {
		t.Fatal(err)
	}
	if d.Text(dicom.PatientID) != "12" {
		t.Error("a short value behind the limit is gone")
	}
	kept, skipped := 0, 0
	for _, e := range d.Elements() {
		if e.Skipped > 0 {
			skipped++
		} else {
			kept++
		}
	}
	if got, want := fmt.Sprint(kept, skipped), "3 2"; got != want {
		t.Errorf("kept and passed over: %s, want %s", got, want)
	}
}
