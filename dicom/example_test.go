package dicom_test

import (
	"bytes"
	"fmt"
	"log"

	"github.com/radnode/radnode/dicom"
)

// A data set is written as a file and its header read back; the pixels stay
// where they are.
func ExampleRead() {
	d := dicom.NewDataset()
	d.SetUID(dicom.SOPClassUID, dicom.ComputedRadiographyImageStorage)
	d.SetUID(dicom.SOPInstanceUID, "1.2.3.4")
	d.SetText(dicom.PatientName, "Yamada^Tarou=山田^太郎")
	d.SetInts(dicom.Rows, 2)
	d.SetBytes(dicom.PixelDataTag, dicom.OW, make([]byte, 8))
	var file bytes.Buffer
	if err := dicom.WriteFile(&file, d, dicom.ExplicitVRLittleEndian); err != nil {
		log.Fatal(err)
	}

	f, err := dicom.Read(bytes.NewReader(file.Bytes()), int64(file.Len()), dicom.DefaultLimits)
	if err != nil {
		log.Fatal(err)
	}
	rows, _ := f.Dataset.Int(dicom.Rows)
	fmt.Println(f.Dataset.PersonName(dicom.PatientName).Display(), rows, f.PixelData.Length)
	// Output: Tarou Yamada (山田 太郎) 2 8
}
