package report_test

import (
	"fmt"
	"log"

	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/sr"
	"github.com/radnode/radnode/report"
)

// A draft is made from the analyses of a study and read back as a measurement
// report.
func ExampleSR() {
	ds, err := report.SR(input())
	if err != nil {
		log.Fatal(err)
	}
	doc, err := sr.Parse(ds)
	if err != nil {
		log.Fatal(err)
	}
	content, err := sr.ParseMeasurementReport(doc.Root)
	if err != nil {
		log.Fatal(err)
	}
	first := content.Groups[0].Rows()
	fmt.Println(ds.Text(dicom.VerificationFlag), first.Finding.Meaning, first.Measurements[0].Number.Value)
	// Output: UNVERIFIED Pneumonia 87.1
}
