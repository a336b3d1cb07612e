package api

import (
	"math"
	"strings"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// locate adds to a description what the header says about place, view and
// history of the image.
func (d *ImageDescription) locate(f *dicom.File) {
	set := f.Dataset
	d.TransferSyntax = f.TransferSyntax
	if relation := set.Text(dicom.PixelIntensityRelationship); angiography[set.UID(dicom.SOPClassUID)] && (relation == "LOG" || relation == "DISP") {
		// PS3.3 C.8.7.1.1.2, PS3.4 N.2.1.2: the table leads back to X-ray
		// intensity and is not part of the way to the display.
		d.ModalityLUT = nil
	}
	d.Laterality = first(set.Text(dicom.ImageLaterality), set.Text(dicom.Laterality))
	d.ViewPosition = set.Text(dicom.ViewPosition)
	d.ImageType = set.Texts(dicom.ImageType)
	d.BurnedIn = set.Text(dicom.BurnedInAnnotation)
	d.AcquisitionTime = set.Text(dicom.AcquisitionTime)
	d.FrameOfRef = set.UID(dicom.FrameOfReferenceUID)
	if ms, ok := set.Float(dicom.FrameTime); ok && ms > 0 && ms < 1e6 {
		d.FrameTime = ms
	}
	if ratios := set.Floats(dicom.LossyImageCompressionRatio); set.Text(dicom.LossyImageCompression) == "01" {
		d.LossyRatio = 1 // said to be lossy, ratio unknown
		if n := len(ratios); n > 0 && ratios[n-1] > 1 {
			d.LossyRatio = ratios[n-1]
		}
	}
	if p := finite(set.Floats(dicom.ImagePositionPatient)); len(p) == 3 {
		d.Position = (*[3]float64)(p)
	}
	if o := finite(set.Floats(dicom.ImageOrientationPatient)); len(o) == 6 {
		d.Directions = (*[6]float64)(o)
		d.Orientation = &[2]string{letters(o[:3]), letters(o[3:])}
	} else if o := set.Texts(dicom.PatientOrientation); len(o) == 2 && o[0] != "" && o[1] != "" {
		// PS3.3 C.7.6.1.1.1: the directions in which rows and columns run.
		d.Orientation = &[2]string{o[0], o[1]}
	}
}

// angiography are the classes whose modality LUT leads back to X-ray intensity.
var angiography = map[radnode.UID]bool{
	"1.2.840.10008.5.1.4.1.1.12.1": true, "1.2.840.10008.5.1.4.1.1.12.2": true, "1.2.840.10008.5.1.4.1.1.12.3": true,
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// finite returns values, or nothing when JSON could not hold one of them.
func finite(values []float64) []float64 {
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
	}
	return values
}

// letters names a direction in the patient (PS3.3 C.7.6.2.1.1: x grows to the
// left, y to the back, z to the head), strongest axis first.
func letters(cosines []float64) string {
	names := [3][2]string{{"L", "R"}, {"P", "A"}, {"H", "F"}}
	var out strings.Builder
	left := [3]float64{math.Abs(cosines[0]), math.Abs(cosines[1]), math.Abs(cosines[2])}
	for range 3 {
		axis := 0
		for i := range left {
			if left[i] > left[axis] {
				axis = i
			}
		}
		if left[axis] < 0.1 { // less than six degrees off is no oblique image
			break
		}
		side := 0
		if cosines[axis] < 0 {
			side = 1
		}
		out.WriteString(names[axis][side])
		left[axis] = 0
	}
	return out.String()
}

// complete fills what a description must have before JSON leaves the node.
func (d *ImageDescription) complete(inst radnode.Instance) {
	if d.Slope == 0 {
		d.Slope = 1
	}
	if d.SamplesPerPixel == 0 {
		d.SamplesPerPixel = 1
	}
	if d.VOIFunction == "" {
		d.VOIFunction = "LINEAR"
	}
	if d.Frames == 0 {
		d.Frames = max(inst.Frames, 1)
	}
}
