package report

import (
	"fmt"

	"github.com/radnode/radnode"
)

// chestFilm is the label by which a model of film quality says what its other
// labels are about: view, polarity and orientation of what is no chest film mean
// nothing.
const chestFilm = "chest_film"

// view is one frame as one model saw it.
type view struct {
	image radnode.UID
	frame int
	model string
}

func viewOf(f radnode.ReportFinding) view {
	return view{f.SOPInstanceUID, max(f.Frame, 1), f.Model.Digest + f.Model.ID}
}

// meaningful leaves out the technical labels of films that are no chest films,
// by the model and not contradicted by the reader. What the model says of that
// itself stays.
func (b *builder) meaningful(all []radnode.ReportFinding) []radnode.ReportFinding {
	other := map[view]bool{}
	images := map[radnode.UID]bool{}
	for _, f := range all {
		if f.Finding.Label == chestFilm && f.Finding.Code == nil && f.Finding.Present == (f.Decision == radnode.Rejected) {
			other[viewOf(f)], images[f.SOPInstanceUID] = true, true
		}
	}
	b.otherFilms = len(images)
	if len(other) == 0 {
		return all
	}
	var out []radnode.ReportFinding
	for _, f := range all {
		if f.Finding.Code != nil || f.Reading != nil || f.Finding.Label == chestFilm || !other[viewOf(f)] {
			out = append(out, f)
		}
	}
	return out
}

// otherFilmsText says that labels were left out.
func (b *builder) otherFilmsText() string {
	switch b.otherFilms {
	case 0:
		return ""
	case 1:
		return "Not a chest film: what the models say of the quality of a chest film does not apply and is left out."
	}
	return fmt.Sprintf("%d images are not chest films: what the models say of the quality of a chest film does not apply to them and is left out.", b.otherFilms)
}
