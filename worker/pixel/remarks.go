package pixel

import (
	"fmt"
	"strings"

	"github.com/radnode/radnode"
)

// The labels of film quality models (public contract).
const (
	labelChestFilm   = "chest_film"
	labelViewAP      = "view_ap"
	labelInverted    = "inverted"
	labelOrientation = "orientation_"
	labelUpright     = "orientation_upright"
)

// remarks compares findings about the film with the header: it confirms
// nothing aloud, but fills what is missing and warns where the two disagree.
func remarks(f *facts, findings []radnode.Finding) []string {
	var out []string
	for _, finding := range findings {
		switch {
		case finding.Label == labelChestFilm && !finding.Present:
			// What else the model says is about chest films only.
			return []string{fmt.Sprintf("this does not look like a frontal chest film (%.2f)", finding.Probability)}
		case finding.Label == labelViewAP:
			out = append(out, remarkView(f, finding)...)
		case finding.Label == labelInverted && finding.Present:
			out = append(out, fmt.Sprintf("the grey scale looks inverted (%.2f); the photometric interpretation may be wrong", finding.Probability))
		case strings.HasPrefix(finding.Label, labelOrientation) && finding.Present && finding.Label != labelUpright:
			out = append(out, fmt.Sprintf("the film does not lie upright: %s (%.2f)", strings.TrimPrefix(finding.Label, labelOrientation), finding.Probability))
		}
	}
	return out
}

func remarkView(f *facts, finding radnode.Finding) []string {
	seen, probability := "PA", 1-finding.Probability
	if finding.Present {
		seen, probability = "AP", finding.Probability
	}
	switch {
	case f.view == "" && f.headless:
		return []string{fmt.Sprintf("the view looks %s (%.2f)", seen, probability)}
	case f.view == "":
		return []string{fmt.Sprintf("view missing in the header: %s (%.2f)", seen, probability)}
	case f.view == seen || f.view != "AP" && f.view != "PA":
		return nil
	}
	return []string{fmt.Sprintf("the header says view %s, the film looks %s (%.2f)", f.view, seen, probability)}
}
