package pixel

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/models"
)

// rule is one declared condition: it returns why the image is refused, or
// what a reader should know although it is accepted.
type rule func(f *facts, g *models.Gate) (refused, note string)

// rules are checked in this order; every refusal is told, not only the first.
var rules = []rule{
	ruleSpecies, ruleModality, ruleClass, ruleIntent, ruleBodyPart, ruleView, rulePhotometric, ruleAge, ruleSize, ruleAspect, ruleBurnedIn,
}

// declared compares the header of an image with the gate of a model.
func declared(f *facts, g *models.Gate) radnode.Gate {
	var refused, notes []string
	if f.headless {
		notes = append(notes, "the picture has no header: modality, body part, view and age are unknown")
	}
	for _, r := range rules {
		no, note := r(f, g)
		if no != "" {
			refused = append(refused, "not applicable: "+no)
		}
		if note != "" {
			notes = append(notes, note)
		}
	}
	if len(refused) > 0 {
		return radnode.Gate{Accepted: false, Reasons: refused}
	}
	if notes == nil {
		notes = []string{}
	}
	return radnode.Gate{Accepted: true, Reasons: notes}
}

func ruleSpecies(f *facts, _ *models.Gate) (string, string) {
	if f.species != "" {
		return "the patient is no human (" + f.species + ")", ""
	}
	return "", ""
}

func ruleModality(f *facts, g *models.Gate) (string, string) {
	return listed(f, "modality", f.modality, g.Modality)
}

func ruleBodyPart(f *facts, g *models.Gate) (string, string) {
	return listed(f, "body part", f.bodyPart, g.BodyPart)
}

func ruleView(f *facts, g *models.Gate) (string, string) {
	return listed(f, "view", f.view, g.View)
}

func rulePhotometric(f *facts, g *models.Gate) (string, string) {
	return listed(f, "photometric interpretation", f.photometric, g.Photometric)
}

// listed checks that a value is one of those the model was made for.
func listed(f *facts, name, value string, allowed []string) (string, string) {
	if len(allowed) == 0 || f.headless || slices.Contains(allowed, value) {
		if value == "" && len(allowed) > 0 && !f.headless {
			return "", "the header does not say the " + name
		}
		return "", ""
	}
	if value == "" {
		return fmt.Sprintf("the header does not say the %s, model is for %s", name, choice(allowed)), ""
	}
	return fmt.Sprintf("%s is %s, model is for %s", name, value, choice(allowed)), ""
}

// choice lists the values a person may read; "" stands for an absent one.
func choice(values []string) string {
	var out []string
	for _, v := range values {
		if v != "" {
			out = append(out, v)
		}
	}
	return strings.Join(out, ", ")
}

// classModality is the modality that the objects of a class must have
// (PS3.3 A.2, A.3, A.26 and others). A header in which the two disagree says
// something wrong about the image, whatever it is.
var classModality = map[radnode.UID]string{
	"1.2.840.10008.5.1.4.1.1.1":     "CR",
	"1.2.840.10008.5.1.4.1.1.1.1":   "DX",
	"1.2.840.10008.5.1.4.1.1.1.1.1": "DX",
	"1.2.840.10008.5.1.4.1.1.1.2":   "MG",
	"1.2.840.10008.5.1.4.1.1.1.2.1": "MG",
	"1.2.840.10008.5.1.4.1.1.2":     "CT",
	"1.2.840.10008.5.1.4.1.1.2.1":   "CT",
	"1.2.840.10008.5.1.4.1.1.4":     "MR",
	"1.2.840.10008.5.1.4.1.1.4.1":   "MR",
	"1.2.840.10008.5.1.4.1.1.6.1":   "US",
	"1.2.840.10008.5.1.4.1.1.3.1":   "US",
	"1.2.840.10008.5.1.4.1.1.20":    "NM",
	"1.2.840.10008.5.1.4.1.1.128":   "PT",
	"1.2.840.10008.5.1.4.1.1.12.1":  "XA",
	"1.2.840.10008.5.1.4.1.1.12.2":  "RF",
}

// interchangeable are modalities that devices write into each other's classes.
var interchangeable = []string{"CR", "DX", "PX", "RG"}

func ruleClass(f *facts, _ *models.Gate) (string, string) {
	want, known := classModality[f.sopClass]
	if !known || f.modality == "" || want == f.modality ||
		slices.Contains(interchangeable, want) && slices.Contains(interchangeable, f.modality) {
		return "", ""
	}
	class, _ := dicom.LookupSOPClass(f.sopClass)
	return fmt.Sprintf("the header contradicts itself: modality is %s, the object is a %s", f.modality, class.Name), ""
}

// ruleIntent refuses raw detector images, which nobody is meant to read
// (PS3.3 C.8.11.1: Presentation Intent Type).
func ruleIntent(f *facts, _ *models.Gate) (string, string) {
	if f.intent == "FOR PROCESSING" {
		return "the image is for processing, not for presentation", ""
	}
	return "", ""
}

func ruleAge(f *facts, g *models.Gate) (string, string) {
	r := g.AgeYears
	if r == nil {
		return "", ""
	}
	wanted := fmt.Sprintf("model is for %s–%s years", number(r.Min), number(r.Max))
	switch {
	case f.age.conflict != "":
		return "the header contradicts itself: " + f.age.conflict + "; " + wanted, ""
	case !f.age.known && f.headless:
		return "the picture has no header, so the age is unknown; " + wanted, ""
	case !f.age.known:
		return "the header does not say the age, " + wanted, ""
	case f.age.years < r.Min || math.Floor(f.age.years) > r.Max:
		return "patient is " + f.age.text + ", " + wanted, ""
	}
	return "", ""
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

func ruleSize(f *facts, g *models.Gate) (string, string) {
	if f.rows < g.MinRows || f.columns < g.MinColumns {
		return fmt.Sprintf("image has %d × %d pixels, model needs at least %d × %d", f.rows, f.columns, g.MinRows, g.MinColumns), ""
	}
	return "", ""
}

func ruleAspect(f *facts, g *models.Gate) (string, string) {
	long, short := max(f.rows, f.columns), min(f.rows, f.columns)
	if g.MaxAspect == 0 || short < 1 {
		return "", ""
	}
	if aspect := float64(long) / float64(short); aspect > g.MaxAspect {
		return fmt.Sprintf("the longer side is %.1f times the shorter, model takes up to %s", aspect, number(g.MaxAspect)), ""
	}
	return "", ""
}

func ruleBurnedIn(f *facts, g *models.Gate) (string, string) {
	if f.burnedIn == "YES" && g.BurnedIn != models.BurnedInAccept {
		return "the header says that text is burned into the image", ""
	}
	return "", ""
}

// exposed says why the displayed pixels cannot be read; "" if they can.
func exposed(display []byte, g *models.Gate) string {
	if g.Exposure == nil || len(display) == 0 {
		return ""
	}
	all := float64(len(display))
	if share := float64(bytes.Count(display, []byte{0})) / all; share > g.Exposure.Black {
		return fmt.Sprintf("%.0f %% of the image is plain black, model takes up to %.0f %%", 100*share, 100*g.Exposure.Black)
	}
	if share := float64(bytes.Count(display, []byte{255})) / all; share > g.Exposure.White {
		return fmt.Sprintf("%.0f %% of the image is plain white, model takes up to %.0f %%", 100*share, 100*g.Exposure.White)
	}
	return ""
}

// learned checks the conditions on findings of other models on the same frame.
func learned(g *models.Gate, find func(model string) *radnode.Analysis) []string {
	var refused []string
	for _, c := range g.Findings {
		a := find(c.Model)
		switch {
		case a == nil:
			refused = append(refused, fmt.Sprintf("not analysed: the model %s, whose findings are a condition, is not ready", c.Model))
		case a.Error != nil:
			refused = append(refused, fmt.Sprintf("not analysed: the model %s, whose findings are a condition, failed", c.Model))
		case !a.Gate.Accepted:
			refused = append(refused, fmt.Sprintf("not applicable: the model %s, whose findings are a condition, does not take this image", c.Model))
		default:
			if text := unmet(c, a.Findings); text != "" {
				refused = append(refused, "not applicable: "+text)
			}
		}
	}
	return refused
}

func unmet(c models.Condition, findings []radnode.Finding) string {
	for _, f := range findings {
		if f.Label == c.Label {
			if f.Present == c.Present {
				return ""
			}
			return fmt.Sprintf("%s (%s: %s %.2f)", c.Reason, c.Model, c.Label, f.Probability)
		}
	}
	return fmt.Sprintf("%s (%s gave no finding %s)", c.Reason, c.Model, c.Label)
}
