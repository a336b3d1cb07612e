package preprocess_test

import (
	"math"
	"testing"

	"github.com/radnode/radnode/preprocess"
)

// Each bundled pipeline on an image of its kind: the tensor has the declared
// shape and is not flat, and its purpose is met.
func TestBundledPipelinesServeTheirPurpose(t *testing.T) {
	t.Parallel()
	ct := preprocess.Image{Rows: 64, Columns: 80, Channels: 1, Values: make([]float32, 64*80), Slope: 1}
	for i := range ct.Values {
		y, x := float64(i/80)-32, float64(i%80)-40
		switch d := math.Hypot(y, x*0.8); {
		case d > 28:
			ct.Values[i] = -1000
		case d > 25:
			ct.Values[i] = 900
		default:
			ct.Values[i] = float32(35 + 10*math.Sin(x/3))
		}
	}
	chest := greyFile(t, shared(t, "cxr", "hannover", "006f3a8a.jpg"))
	framed := preprocess.Image{Rows: 200, Columns: 300, Channels: 3, Pix8: make([]byte, 200*300*3)}
	inner := noise(120, 200, 3)
	for y := range inner.Rows {
		copy(framed.Pix8[((y+40)*300+50)*3:], inner.Pix8[y*600:(y+1)*600])
	}
	all, err := preprocess.Bundled()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		img     preprocess.Image
		feature string
		shape   [3]int
	}{
		{"chest-classifier", chest, "", [3]int{1, 224, 224}},
		{"chest-lungs", chest, "cardiothoracic_ratio", [3]int{}},
		{"ct-head", ct, "", [3]int{3, 256, 256}},
		{"ct-chest", ct, "body.count", [3]int{3, 256, 256}},
		{"ct-liver-volume", ct, "", [3]int{}},
		{"ultrasound", framed, "glcm.contrast", [3]int{1, 224, 224}},
		{"pathology", stained(120, 130), "nuclei.count", [3]int{3, 224, 224}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := mustCompile(t, all[c.name].Steps)
			res := mustRun(t, p, c.img, nil, preprocess.RunOptions{})
			if want := c.shape; want[0] > 0 && [3]int{res.Channels, res.Rows, res.Columns} != want {
				t.Errorf("shape %d x %d x %d", res.Channels, res.Rows, res.Columns)
			}
			dst := make([]float32, res.Channels*res.Rows*res.Columns)
			mustRun(t, p, c.img, dst, preprocess.RunOptions{})
			low, high := dst[0], dst[0]
			for _, v := range dst {
				low, high = min(low, v), max(high, v)
			}
			if high-low < 0.3 {
				t.Errorf("the tensor runs from %g to %g", low, high)
			}
			if _, ok := res.Features[c.feature]; c.feature != "" && !ok {
				t.Errorf("feature %s is missing", c.feature)
			}
		})
	}
	us := mustRun(t, mustCompile(t, all["ultrasound"].Steps), framed, nil, preprocess.RunOptions{})
	if us.Geometry.Left < 45 || us.Geometry.Width > 210 {
		t.Errorf("the frame is still there: %+v", us.Geometry)
	}
}
