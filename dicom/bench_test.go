package dicom_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/radnode/radnode/dicom"
)

func benchmarkFile(b *testing.B, name string) []byte {
	data, err := os.ReadFile("../../shared/dicom/" + name)
	if err != nil {
		b.Skip("the shared sample files are not here")
	}
	return data
}

func BenchmarkReadFileHeader(b *testing.B) {
	for _, name := range []string{"chest/cr_wg04_rg1_jpegls_near.dcm", "image/ct1_explicit_le.dcm", "image/ct_chest_implicit_le.dcm", "image/enhct_explicit_le.dcm"} {
		b.Run(name, func(b *testing.B) {
			data := benchmarkFile(b, name)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := dicom.Read(bytes.NewReader(data), int64(len(data)), dicom.Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
