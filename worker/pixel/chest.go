package pixel

import (
	"context"
	"fmt"
	"math"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/preprocess"
)

// chestPipeline is the bundled pipeline that measures chest films, and
// featureCTR the number it is for.
const (
	chestPipeline = "cardiothoracic"
	featureCTR    = "cardiothoracic_ratio"
)

func compileChest() (*preprocess.Pipeline, error) {
	all, err := preprocess.Bundled()
	if err != nil {
		return nil, err
	}
	return preprocess.Compile(all[chestPipeline].Steps)
}

// leastAdult is the age from which the ratio has a meaning of its own: it was
// judged on adults, and the heart of a child fills more of the chest.
const leastAdult = 18

// noRatio says why a film that a quality model looked at gets no
// cardiothoracic ratio; "" if it gets one.
func noRatio(f *facts, findings []radnode.Finding) string {
	present := map[string]bool{}
	for _, one := range findings {
		present[one.Label] = one.Present
	}
	switch {
	case f.species != "":
		return "the patient is no human"
	case f.age.conflict != "":
		return "the age in the header contradicts itself"
	case f.age.known && f.age.years < leastAdult:
		return fmt.Sprintf("patient is %s, the measurement is for adults", f.age.text)
	case f.view == "LL" || f.view == "RL" || f.view == "LATERAL":
		return "the header says that the view is lateral"
	case !present[labelUpright]:
		return "the film does not lie upright"
	case present[labelInverted]:
		return "the grey scale looks inverted"
	}
	return ""
}

// measureChest adds the cardiothoracic ratio to what a quality model says of a
// frontal chest film, or the reason why there is none.
func (f *frameReading) measureChest(ctx context.Context, one *radnode.Analysis) error {
	chestFilm := false
	for _, finding := range one.Findings {
		chestFilm = chestFilm || finding.Label == labelChestFilm && finding.Present
	}
	if !chestFilm || f.registry.chest == nil {
		return nil
	}
	remark := func(format string, args ...any) {
		one.Gate.Reasons = append(one.Gate.Reasons, fmt.Sprintf(format, args...))
	}
	if text := noRatio(&f.facts, one.Findings); text != "" {
		remark("no cardiothoracic ratio: %s", text)
		return nil
	}
	img := preprocess.Image{Rows: f.fr.rows, Columns: f.fr.columns, Channels: f.fr.samples, Pix8: f.fr.display}
	result, err := f.registry.chest.Run(ctx, img, nil, preprocess.RunOptions{})
	if err != nil {
		return err
	}
	ratio, ok := result.Features[featureCTR]
	if !ok {
		remark("%s", result.Stages[len(result.Stages)-1].Note)
		return nil
	}
	if one.Features == nil {
		one.Features = map[string]float64{}
	}
	one.Features[featureCTR] = ratio
	one.Measured = append(one.Measured, measuredRatio(ratio, f.registry.chest.Digest(), result.Lines))
	remark("%s", ratioText(&f.facts, one.Findings, ratio))
	return nil
}

func measuredRatio(ratio float64, digest string, lines []preprocess.Line) radnode.Measured {
	m := radnode.Measured{Measurement: radnode.Measurement{Name: featureCTR, Value: ratio, Unit: "1"}, Pipeline: digest, Regions: []radnode.NamedRegion{}}
	for _, l := range lines {
		points := make([]float64, len(l.Points))
		for i, v := range l.Points {
			points[i] = math.Round(v*10) / 10
		}
		m.Regions = append(m.Regions, radnode.NamedRegion{Name: l.Name, Region: radnode.Region{Graphic: radnode.Polyline, Points: points}})
	}
	return m
}

// ratioText tells the reader how far the number can be relied on.
func ratioText(f *facts, findings []radnode.Finding, ratio float64) string {
	text := fmt.Sprintf("cardiothoracic ratio %.2f, measured automatically", ratio)
	looksAP := false
	for _, one := range findings {
		looksAP = looksAP || one.Label == labelViewAP && one.Present
	}
	if f.view == "AP" || looksAP {
		text += "; on an AP film the heart looks larger than it is"
	}
	if !f.age.known {
		text += "; the age is not known and the measurement is for adults"
	}
	return text
}
