package dicomweb

import (
	"image"
	"regexp"
	"strconv"
	"strings"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// Writer burns text into a picture: lines from the top down and others above
// the bottom. Invalid: they do not fit.
type Writer interface {
	Write(img *image.RGBA, upper, lower []string) error
}

// annotations are the keywords of the parameter annotation (PS3.18 8.3.5.1.1)
// and what they write.
var annotations = map[string]func(d *dicom.Dataset, inst radnode.Instance, frame int) []string{
	"patient": patientLines, "technique": techniqueLines,
}

var annotationKeyword = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

// parseAnnotation reads a list of keywords. One that is not known here is passed
// over with a warning.
func (r *rendering) parseAnnotation(text string) error {
	for name := range strings.SplitSeq(text, ",") {
		if !annotationKeyword.MatchString(name) {
			return badRendering("annotation is a list of patient and technique")
		}
		if annotations[name] == nil {
			r.warnings = append(r.warnings, "The annotation "+name+" is not supported.")
			continue
		}
		r.annotation = append(r.annotation, name)
	}
	return nil
}

// captions are what the annotations of a picture say, at its top and its bottom.
func (r *rendering) captions(d *dicom.Dataset, inst radnode.Instance, frame int) (upper, lower []string) {
	for _, name := range r.annotation {
		lines := annotations[name](d, inst, frame)
		if name == "patient" {
			upper = append(upper, lines...)
		} else {
			lower = append(lower, lines...)
		}
	}
	return upper, lower
}

// patientLines say whose image it is. What is not known is said to be so: a
// picture without a name must not look like one that was not asked for it.
func patientLines(d *dicom.Dataset, _ radnode.Instance, _ int) []string {
	known := func(s, otherwise string) string {
		if s == "" {
			return otherwise
		}
		return s
	}
	return []string{
		known(d.PersonName(dicom.PatientName).Display(), "(no name)"),
		"ID " + known(d.Text(dicom.PatientID), "(none)"),
		joined("  ", day(d.Text(dicom.PatientBirthDate)), d.Text(dicom.PatientSex), d.Text(dicom.PatientAge)),
	}
}

// techniqueLines say which image it is and how it was made.
func techniqueLines(d *dicom.Dataset, inst radnode.Instance, frame int) []string {
	number := ""
	if inst.Frames > 1 {
		number = strconv.Itoa(frame) + " of " + strconv.Itoa(inst.Frames)
	}
	clock, _, _ := strings.Cut(d.Text(dicom.StudyTime), ".")
	if len(clock) >= 4 {
		clock = clock[:2] + ":" + clock[2:4]
	}
	position := d
	if groups := d.Items(dicom.PerFrameFunctionalGroupsSequence); frame <= len(groups) {
		position = groups[frame-1].Item(dicom.PlanePositionSequence)
	}
	lines := []string{
		joined("  ", d.Text(dicom.Modality), day(d.Text(dicom.StudyDate)), clock, d.Text(dicom.StudyDescription)),
		joined("  ", with("Series ", d.Text(dicom.SeriesNumber), ""), with("Image ", d.Text(dicom.InstanceNumber), ""), with("Frame ", number, ""),
			d.Text(dicom.ViewPosition), d.Text(dicom.ImageLaterality)),
		joined("  ", with("", d.Text(dicom.KVP), " kV"), with("", d.Text(dicom.XRayTubeCurrent), " mA"), with("", d.Text(dicom.Exposure), " mAs"),
			with("TR ", d.Text(dicom.RepetitionTime), " ms"), with("TE ", d.Text(dicom.EchoTime), " ms"), with("Thickness ", d.Text(dicom.SliceThickness), " mm")),
		with("Position ", strings.Join(position.Texts(dicom.ImagePositionPatient), ", "), " mm"),
	}
	var said []string
	for _, s := range lines {
		if s != "" {
			said = append(said, s)
		}
	}
	return said
}

// with puts words around a value that there is.
func with(before, value, after string) string {
	if value == "" {
		return ""
	}
	return before + value + after
}

func joined(sep string, parts ...string) string {
	var list []string
	for _, p := range parts {
		if p != "" {
			list = append(list, p)
		}
	}
	return strings.Join(list, sep)
}

// day writes a date as ISO 8601 does.
func day(s string) string {
	if len(s) != 8 {
		return s
	}
	return s[:4] + "-" + s[4:6] + "-" + s[6:]
}
