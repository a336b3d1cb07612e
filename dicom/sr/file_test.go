package sr_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/radnode/radnode/dicom"
)

func writeFile(t *testing.T, path string, ds *dicom.Dataset) {
	t.Helper()
	var b bytes.Buffer
	if err := dicom.WriteFile(&b, ds, dicom.ExplicitVRLittleEndian); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}
