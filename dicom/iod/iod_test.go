package iod_test

import (
	"path/filepath"
	"testing"

	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/iod"
)

func TestAnEmptyObjectBreaksEveryMandatoryRow(t *testing.T) {
	for _, class := range []struct {
		name string
		set  func(d *dicom.Dataset)
	}{
		{"SEG", func(d *dicom.Dataset) { d.SetUID(dicom.SOPClassUID, dicom.SegmentationStorage) }},
		{"PM", func(d *dicom.Dataset) { d.SetUID(dicom.SOPClassUID, dicom.ParametricMapStorage) }},
		{"SC", func(d *dicom.Dataset) { d.SetUID(dicom.SOPClassUID, dicom.SecondaryCaptureImageStorage) }},
		{"PDF", func(d *dicom.Dataset) { d.SetUID(dicom.SOPClassUID, dicom.EncapsulatedPDFStorage) }},
		{"GSPS", func(d *dicom.Dataset) { d.SetUID(dicom.SOPClassUID, dicom.GrayscaleSoftcopyPresentationStateStorage) }},
	} {
		d := dicom.NewDataset()
		class.set(d)
		if v := iod.Check(d); len(v) < 20 {
			t.Errorf("%s: only %d rules broken: %v", class.name, len(v), v)
		}
	}
}

func TestAClassThatIsNotWrittenIsRefused(t *testing.T) {
	d := dicom.NewDataset()
	d.SetUID(dicom.SOPClassUID, dicom.CTImageStorage)
	if v := iod.Check(d); len(v) != 1 || v[0].Rule != "PS3.4 B.5" {
		t.Errorf("got %v", v)
	}
}

// TestAnyFileIsChecked runs the checker over files of other makers, as objects
// of each class: nothing may panic.
func TestAnyFileIsChecked(t *testing.T) {
	files, err := filepath.Glob("../../../shared/dicom/*/*.dcm")
	if err != nil || len(files) == 0 {
		t.Skip("the shared sample files are not here")
	}
	for _, path := range files {
		f, err := dicom.ReadFile(path, dicom.Limits{})
		if err != nil {
			continue
		}
		iod.Check(f.Dataset)
		for _, class := range dicom.StorageSOPClasses {
			f.Dataset.SetUID(dicom.SOPClassUID, class.UID)
			iod.Check(f.Dataset)
		}
	}
}
