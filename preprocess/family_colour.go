package preprocess

import (
	"fmt"
	"math"

	"gocv.io/x/gocv"

	"github.com/radnode/radnode/preprocess/radiomics"
)

// colourSpaces are the spaces of the colour family, in OpenCV's 8-bit form:
// hue 0..179, Lab with 128 for neutral a and b.
var colourSpaces = []struct {
	name     string
	channels [3]string
	code     gocv.ColorConversionCode
}{
	{"rgb", [3]string{"red", "green", "blue"}, -1},
	{"hsv", [3]string{"hue", "saturation", "value"}, gocv.ColorRGBToHSV},
	{"lab", [3]string{"lightness", "a", "b"}, gocv.ColorRGBToLab},
}

const colourBins = 8

// colour measures mean, deviation and skewness of each channel and its
// histogram in 8 bins, in RGB, HSV and Lab. Hue is a circle: its mean and
// deviation are circular, and it has no skewness.
func (g *region) colour() ([]radiomics.Feature, error) {
	b, err := g.r.pixels8()
	if err != nil {
		return nil, err
	}
	if matChannels(b.kind) != 3 {
		return nil, errColor
	}
	var out []radiomics.Feature
	for _, space := range colourSpaces {
		c := b.hold()
		if space.code >= 0 {
			g.r.w.release(c)
			if c, err = g.r.like(b, b.kind); err != nil {
				return nil, err
			}
			gocv.CvtColor(b.mat, &c.mat, space.code)
		}
		pix, err := c.bytes8()
		if err != nil {
			return nil, err
		}
		counts := g.channelCounts(pix)
		for k, channel := range space.channels {
			name := "colour." + space.name + "_" + channel
			if channel == "hue" {
				out = append(out, hueFeatures(name, counts[k])...)
			} else {
				out = append(out, channelFeatures(name, counts[k])...)
			}
		}
		g.r.w.release(c)
	}
	return out, nil
}

func (g *region) channelCounts(pix []byte) (counts [3][256]int) {
	for i := range len(pix) / 3 {
		if g.inside == nil || g.inside[i] != 0 {
			counts[0][pix[3*i]]++
			counts[1][pix[3*i+1]]++
			counts[2][pix[3*i+2]]++
		}
	}
	return counts
}

func channelFeatures(name string, counts [256]int) []radiomics.Feature {
	var n, mean, variance, third float64
	for v, c := range counts {
		n += float64(c)
		mean += float64(v) * float64(c)
	}
	mean /= n
	for v, c := range counts {
		d := float64(v) - mean
		variance += d * d * float64(c) / n
		third += d * d * d * float64(c) / n
	}
	skewness := 0.
	if variance > 0 {
		skewness = third / math.Pow(variance, 1.5)
	}
	out := []radiomics.Feature{
		{Name: name + "_mean", Value: mean}, {Name: name + "_deviation", Value: math.Sqrt(variance)}, {Name: name + "_skewness", Value: skewness},
	}
	return append(out, binFeatures(name, counts, 256, n)...)
}

func hueFeatures(name string, counts [256]int) []radiomics.Feature {
	var n, sin, cos float64
	for v, c := range counts {
		s, k := math.Sincos(float64(v) * math.Pi / 90)
		n += float64(c)
		sin += s * float64(c)
		cos += k * float64(c)
	}
	length := math.Hypot(sin, cos) / n
	mean := math.Atan2(sin, cos) * 90 / math.Pi
	if mean < 0 {
		mean += 180
	}
	deviation := math.Sqrt(-2*math.Log(max(length, 1e-12))) * 90 / math.Pi
	out := []radiomics.Feature{{Name: name + "_mean", Value: mean}, {Name: name + "_deviation", Value: max(0, deviation)}}
	return append(out, binFeatures(name, counts, 180, n)...)
}

func binFeatures(name string, counts [256]int, values int, n float64) []radiomics.Feature {
	var bins [colourBins]float64
	for v, c := range counts {
		bins[min(colourBins-1, v*colourBins/values)] += float64(c)
	}
	out := make([]radiomics.Feature, colourBins)
	for i, c := range bins {
		out[i] = radiomics.Feature{Name: fmt.Sprintf("%s_bin_%d", name, i), Value: c / n}
	}
	return out
}
