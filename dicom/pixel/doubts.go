package pixel

import (
	"fmt"

	"github.com/radnode/radnode/dicom"
)

// Doubts names what the header d says about the display of its image that
// cannot be meant, and how it is shown all the same: other programs may show it
// otherwise.
func Doubts(d *dicom.Dataset) []string {
	var list []string
	doubt := func(is bool, format string, args ...any) {
		if is {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	photometric, shape := d.Text(dicom.PhotometricInterpretation), d.Text(dicom.PresentationLUTShape)
	// PS3.3 C.8.11.3: the two say the same.
	doubt(photometric == Monochrome1 && shape == "IDENTITY" || photometric == Monochrome2 && shape == "INVERSE",
		"Presentation LUT Shape %s contradicts %s; the image is shown as the shape says", shape, photometric)
	slope, scaled := d.Float(dicom.RescaleSlope)
	doubt(scaled && slope == 0, "Rescale Slope is 0; 1 is assumed")
	doubt(scaled && d.Has(dicom.ModalityLUTSequence), "Modality LUT and Rescale Slope are both there (PS3.3 C.11.1 allows one); the LUT is used")
	function := d.Text(dicom.VOILUTFunction)
	for _, width := range d.Floats(dicom.WindowWidth) {
		if width <= 0 {
			doubt(true, "Window Width is %g; the window is not used", width)
			break
		}
		if width < 1 && (function == "" || function == Linear) {
			doubt(true, "Window Width is %g, too narrow for %s; %s is assumed", width, Linear, LinearExact)
			break
		}
	}
	known := function == "" || function == Linear || function == LinearExact || function == Sigmoid
	doubt(!known, "VOI LUT Function %.16q is unknown; the windows are not used", function)
	return list
}
