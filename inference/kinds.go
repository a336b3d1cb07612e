package inference

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/models"
)

// box is a detection in the values of the input.
type box struct {
	left, top, right, bottom float64
	score                    float32
}

func (b box) area() float64 { return max(b.right-b.left, 0) * max(b.bottom-b.top, 0) }

// overlap is the intersection over the union of two boxes.
func (b box) overlap(o box) float64 {
	both := box{max(b.left, o.left), max(b.top, o.top), min(b.right, o.right), min(b.bottom, o.bottom), 0}.area()
	if both == 0 {
		return 0
	}
	return both / (b.area() + o.area() - both)
}

// boxes makes a finding of each box that reaches the threshold of its label
// and overlaps no surer one too much; a label without any is absent. The
// second box of a label is named label_2: a reader decides about each.
func (m *Model) boxes(out *Output, i int, place Placement) []radnode.Finding {
	corners, _ := out.Of(models.Boxes, i)
	scores, _ := out.Of(models.Scores, i)
	kept := make([][]box, len(m.manifest.Labels))
	for j, l := range m.manifest.Labels {
		var all []box
		for k := range len(corners) / 4 {
			c := corners[4*k : 4*k+4]
			b := box{float64(c[0]), float64(c[1]), float64(c[2]), float64(c[3]), scores[k*out.Labels+j]}
			if judge(l, float64(b.score)).Present && m.outline(b, place) != nil {
				all = append(all, b)
			}
		}
		kept[j] = surest(all, *m.manifest.Detection)
	}
	limit(kept, m.manifest.Detection.Most)
	var findings []radnode.Finding
	for j, l := range m.manifest.Labels {
		if len(kept[j]) == 0 {
			f := judge(l, float64(out.Summary[i*out.Labels+j]))
			f.Present = false // its only boxes have no extent
			findings = append(findings, f)
		}
		for n, b := range kept[j] {
			f := judge(l, float64(b.score))
			if n > 0 {
				f.Label = fmt.Sprintf("%s_%d", l.Name, n+1)
			}
			f.Region = m.outline(b, place)
			findings = append(findings, f)
		}
	}
	return findings
}

// limit keeps the surest boxes of all labels together, but one of each label:
// without any it would be called absent.
func limit(kept [][]box, most int) {
	for {
		total, worst := 0, -1
		for j, boxes := range kept {
			total += len(boxes)
			if n := len(boxes); n > 1 && (worst < 0 || boxes[n-1].score < kept[worst][len(kept[worst])-1].score) {
				worst = j
			}
		}
		if total <= most || worst < 0 {
			return
		}
		kept[worst] = kept[worst][:len(kept[worst])-1]
	}
}

// surest drops boxes that overlap a surer one, and what is too many.
func surest(all []box, d models.Detection) []box {
	slices.SortStableFunc(all, func(a, b box) int { return cmp.Compare(b.score, a.score) })
	var kept []box
	for _, b := range all {
		if len(kept) == d.Most {
			break
		}
		if !slices.ContainsFunc(kept, func(k box) bool { return k.overlap(b) > d.Overlap }) {
			kept = append(kept, b)
		}
	}
	return kept
}

// outline brings a box to the source frame and cuts it at the edges of the
// frame: a pipeline that pads shows the model more (PS3.3 C.18.6.1.2: graphic
// data lie within the image). nil: nothing of the box is left. The grid of the
// four corners is turned as heat maps are: it is told from the place that a
// marked cell takes.
func (m *Model) outline(b box, place Placement) *radnode.Region {
	in := m.manifest.Input
	rows, columns := float64(in.Rows), float64(in.Columns)
	x0, y0 := turned(clip(b.left/columns), clip(b.top/rows), place)
	x1, y1 := turned(clip(b.right/columns), clip(b.bottom/rows), place)
	if b.left >= b.right || b.top >= b.bottom {
		return nil
	}
	within := func(v float64, side int) float64 {
		if side == 0 {
			return v
		}
		return min(max(v, 0), float64(side))
	}
	px := func(v float64) float64 { return within(place.Left+v*place.Width, place.Columns) }
	py := func(v float64) float64 { return within(place.Top+v*place.Height, place.Rows) }
	x0, x1, y0, y1 = px(min(x0, x1)), px(max(x0, x1)), py(min(y0, y1)), py(max(y0, y1))
	if x0 >= x1 || y0 >= y1 {
		return nil
	}
	return &radnode.Region{Graphic: radnode.Polyline, Points: []float64{x0, y0, x1, y0, x1, y1, x0, y1, x0, y0}}
}

func clip(v float64) float64 { return min(max(v, 0), 1) }

// turned maps a place of the tensor (fractions of its sides) to the upright
// grid. Upright is one of the eight ways to lay a square, so where it puts the
// corners of a grid of two by two tells it.
func turned(x, y float64, place Placement) (float64, float64) {
	if place.Upright == nil {
		return x, y
	}
	_, _, v := place.Upright(2, 2, []float32{0, 1, 2, 3}) // 0 1 / 2 3 in the tensor
	at := func(cell float32) (float64, float64) {
		i := slices.Index(v, cell)
		return float64(i % 2), float64(i / 2)
	}
	ox, oy := at(0)
	rx, ry := at(1) // where the tensor's columns run
	dx, dy := at(2) // where its rows run
	return ox + x*(rx-ox) + y*(dx-ox), oy + x*(ry-oy) + y*(dy-oy)
}

// segments makes a finding of each label with its mask as a map, and the area
// that the mask takes at the threshold.
func (m *Model) segments(out *Output, i int, place Placement) []radnode.Finding {
	masks, shape := out.Of(models.Masks, i)
	rows, columns := int(shape[1]), int(shape[2])
	findings := make([]radnode.Finding, len(m.manifest.Labels))
	for j, l := range m.manifest.Labels {
		mask := masks[j*rows*columns : (j+1)*rows*columns]
		inside := 0
		for _, v := range mask {
			if float64(v) >= l.Threshold {
				inside++
			}
		}
		share := float64(inside) / float64(len(mask))
		f := judge(l, float64(out.Summary[i*out.Labels+j]))
		f.Present = inside > 0 && share >= l.MinArea
		f.Measurement = &radnode.Measurement{Name: "area", Value: share * place.Width * place.Height, Unit: "{pixels}"}
		if place.PixelArea > 0 {
			f.Measurement.Value, f.Measurement.Unit = f.Measurement.Value*place.PixelArea, "mm2"
		}
		f.Heatmap = heatmap(rows, columns, mask, place)
		f.Heatmap.Method = "segmentation"
		findings[j] = f
	}
	return findings
}

// numbers makes a finding of each value of a regression. A value that cannot
// be is an error: no reader should see it.
func (m *Model) numbers(out *Output, i int) ([]radnode.Finding, error) {
	findings := make([]radnode.Finding, len(m.manifest.Labels))
	for j, l := range m.manifest.Labels {
		v := float64(out.Summary[i*out.Labels+j])
		if p := l.Plausible; v < p.Min || v > p.Max || math.IsNaN(v) {
			return nil, radnode.Errorf(radnode.Unsupported, "read "+m.manifest.ID, "%s is %.4g %s, outside of %g to %g, what the model may give", l.Name, v, l.Unit, p.Min, p.Max)
		}
		f := judge(l, float64(0))
		f.Present, f.Threshold = true, 0
		f.Measurement = &radnode.Measurement{Name: l.Name, Value: v, Unit: l.Unit}
		findings[j] = f
	}
	return findings, nil
}
