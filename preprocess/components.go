package preprocess

import (
	"cmp"
	"image"
	"slices"

	"gocv.io/x/gocv"
)

// component is one connected region of a mask.
type component struct {
	label  int32
	area   int
	bounds image.Rectangle
	x, y   float64 // centre of mass, pixel centres at integers
}

// components labels the connected regions of mask b with 4 or 8 neighbours;
// label 0 is the background. Regions come in the order of their labels. The
// caller releases the labels.
func (r *run) components(b *buffer, neighbours int) (*buffer, []component, error) {
	labels, err := r.like(b, gocv.MatTypeCV32S)
	if err != nil {
		return nil, nil, err
	}
	stats, centres := gocv.NewMat(), gocv.NewMat()
	defer stats.Close()
	defer centres.Close()
	n := gocv.ConnectedComponentsWithStatsWithParams(b.mat, &labels.mat, &stats, &centres, neighbours, gocv.MatTypeCV32S, gocv.CCL_DEFAULT)
	out := make([]component, 0, max(0, n-1))
	for i := 1; i < n; i++ {
		at := func(s gocv.ConnectedComponentsTypes) int { return int(stats.GetIntAt(i, int(s))) }
		left, top := at(gocv.CC_STAT_LEFT), at(gocv.CC_STAT_TOP)
		out = append(out, component{
			label: int32(i), area: at(gocv.CC_STAT_AREA),
			bounds: image.Rect(left, top, left+at(gocv.CC_STAT_WIDTH), top+at(gocv.CC_STAT_HEIGHT)),
			x:      centres.GetDoubleAt(i, 0), y: centres.GetDoubleAt(i, 1),
		})
	}
	return labels, out, labels.check()
}

// keepComponents makes the mask of the regions that keep chooses.
func (r *run) keepComponents(b *buffer, neighbours int, keep func([]component) []component) error {
	labels, all, err := r.components(b, neighbours)
	if err != nil {
		return err
	}
	defer r.w.release(labels)
	kept := keep(all)
	chosen := make([]byte, len(all)+1)
	area := 0
	for _, c := range kept {
		chosen[c.label] = 255
		area += c.area
	}
	out, err := r.mapLabels(labels, chosen)
	if err != nil {
		return err
	}
	r.setValue("components", float64(len(all)))
	r.setValue("kept", float64(len(kept)))
	r.setValue("area", float64(area))
	r.replace(out, byte8)
	return nil
}

// mapLabels makes an 8-bit image of table[label].
func (r *run) mapLabels(labels *buffer, table []byte) (*buffer, error) {
	out, err := r.like(labels, gocv.MatTypeCV8U)
	if err != nil {
		return nil, err
	}
	pix, err := out.bytes8()
	if err != nil {
		return nil, err
	}
	ids, err := labels.ints32()
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		pix[i] = table[id]
	}
	return out, nil
}

// largestFirst orders regions by area; of equals the first label comes first.
func largestFirst(all []component) []component {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b component) int { return cmp.Compare(b.area, a.area) })
	return all
}

// binary returns the image if it is a mask: 8 bits, one channel. Whatever is
// not zero counts as inside.
func (r *run) binary() (*buffer, error) { return r.grey8() }

// fillHoles fills what the region encloses: background that does not reach
// the edge of the image by steps to the four neighbours.
func fillHoles(r *run) error {
	b, err := r.binary()
	if err != nil {
		return err
	}
	outside, err := r.markAboveIn(b, 0, true)
	if err != nil {
		return err
	}
	defer r.w.release(outside)
	labels, all, err := r.components(outside, 4)
	if err != nil {
		return err
	}
	defer r.w.release(labels)
	table := make([]byte, len(all)+1)
	table[0] = 255
	filled := 0
	for _, c := range all {
		if !touchesEdge(c.bounds, b) {
			table[c.label] = 255
			filled += c.area
		}
	}
	out, err := r.mapLabels(labels, table)
	if err != nil {
		return err
	}
	r.setValue("filled", float64(filled))
	r.replace(out, byte8)
	return nil
}

func touchesEdge(rect image.Rectangle, b *buffer) bool {
	return rect.Min.X == 0 || rect.Min.Y == 0 || rect.Max.X == b.columns || rect.Max.Y == b.rows
}

// markAboveIn lends the mask of the 8-bit samples above value.
func (r *run) markAboveIn(b *buffer, value float64, invert bool) (*buffer, error) {
	out, err := r.like(b, gocv.MatTypeCV8U)
	if err != nil {
		return nil, err
	}
	kind := gocv.ThresholdBinary
	if invert {
		kind = gocv.ThresholdBinaryInv
	}
	gocv.Threshold(b.mat, &out.mat, float32(value), 255, kind)
	return out, nil
}
