package report

import (
	"fmt"
	"math"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom/sr"
)

// presence is what a finding states: the reader's word, else the model's. What
// a model could not tell and nobody decided about stays undetermined, and so
// does what a reader rejected: that is no statement of the contrary.
func presence(f radnode.ReportFinding) radnode.Concept {
	switch {
	case f.Decision == radnode.Rejected:
		return sr.Undetermined
	case f.Reading != nil:
		return sr.Yes
	case f.Finding.Undecided && f.Decision != radnode.Accepted:
		return sr.Undetermined
	case f.Finding.Present:
		return sr.Yes
	}
	return sr.No
}

// shown reports whether a finding is drawn: it is one of the patient, not of the
// picture, it is there, and not rejected.
func shown(f radnode.ReportFinding) bool {
	stated := f.Stated()
	return stated.Present && stated.Code != nil && f.Decision != radnode.Rejected
}

// tracking are the identifiers of a finding (TID 1410 rows 2, 3): those of the
// model's statement as long as there is one.
func tracking(f radnode.ReportFinding) (id string, uid radnode.UID) {
	if f.Added() {
		return "reader " + f.Reading.Label, f.Reading.TrackingUID
	}
	return fmt.Sprintf("%s %s", f.Model.ID, f.Finding.Label), TrackingUID(f.SOPInstanceUID, f.Frame, f.Model, f.Finding.Label)
}

// curvePoints is how many points stand for a circle or an ellipse where only
// lines can be drawn.
const curvePoints = 72

// points are the corners of a region, curves as polygons.
func points(r *radnode.Region) []float64 {
	p := r.Points
	switch {
	case r.Graphic == radnode.Circle && len(p) == 4:
		radius := math.Hypot(p[2]-p[0], p[3]-p[1])
		return curve(p[0], p[1], radius, 0, 0, radius)
	case r.Graphic == radnode.Ellipse && len(p) == 8:
		return curve((p[0]+p[2])/2, (p[1]+p[3])/2, (p[2]-p[0])/2, (p[3]-p[1])/2, (p[6]-p[4])/2, (p[7]-p[5])/2)
	}
	return p
}

// curve is an ellipse with a centre and two conjugate half axes, closed.
func curve(x, y, ax, ay, bx, by float64) []float64 {
	out := make([]float64, 0, 2*curvePoints+2)
	for i := range curvePoints {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / curvePoints)
		out = append(out, x+ax*cos+bx*sin, y+ay*cos+by*sin)
	}
	return append(out, out[0], out[1])
}

// encloses reports whether a line of points ends where it began, around an
// area.
func encloses(p []float64) bool {
	n := len(p)
	return n >= 8 && p[0] == p[n-2] && p[1] == p[n-1] && area(p) != 0
}

// intervalText tells how far a probability moved over changes of the image that
// should not matter.
func intervalText(f radnode.Finding) string {
	if f.Interval == nil || f.Interval.Runs < 2 {
		return ""
	}
	return fmt.Sprintf("Over %d small changes of the image the probability lay between %.1f and %.1f %%", f.Interval.Runs,
		percent(f.Interval.Low), percent(f.Interval.High))
}

// mapNames tell how the kinds of heat maps are made.
var mapNames = map[string]string{
	"": "class activation map", "cam": "class activation map", "occlusion": "map of what hiding a part changes (occlusion)",
	"rise": "map of what hiding random parts changes (RISE)", "segmentation": "mask of the model",
}

// mapName is what a heat map is called.
func mapName(h *radnode.Heatmap) string {
	if h == nil {
		return "box of the detector"
	}
	if name, ok := mapNames[h.Method]; ok {
		return name
	}
	return "map of influence (" + h.Method + ")"
}
