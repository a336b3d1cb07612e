package webtest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"

	"github.com/radnode/radnode/web/api"
)

// picture is a synthetic image: stored values and their description.
type picture struct {
	desc   api.ImageDescription
	stored []byte // all frames
	low    float64
	high   float64 // display range of the preview
}

func ellipse(x, y, cx, cy, rx, ry float64) float64 {
	d := math.Hypot((x-cx)/rx, (y-cy)/ry)
	return 1 / (1 + math.Exp((d-1)*18))
}

// chestPicture draws something with the tone scale of a frontal chest film:
// 12 bits, MONOCHROME2, lungs dark, bones bright, an opacity in one lower zone.
func chestPicture(columns, rows int, opacity bool) picture {
	rng := rand.New(rand.NewPCG(4, 2))
	out := make([]byte, 0, rows*columns*2)
	for r := range rows {
		for c := range columns {
			v := chestValue(float64(c)/float64(columns), float64(r)/float64(rows), opacity)
			v += rng.NormFloat64() * 18
			out = binary.LittleEndian.AppendUint16(out, uint16(math.Max(0, math.Min(4095, v))))
		}
	}
	spacing := [2]float64{0.168, 0.168}
	return picture{stored: out, low: 250, high: 3650, desc: api.ImageDescription{
		Rows: rows, Columns: columns, Frames: 1, SamplesPerPixel: 1, BitsAllocated: 16, BitsStored: 12,
		Photometric: "MONOCHROME2", Slope: 1, VOIFunction: "LINEAR",
		Windows:      []api.Window{{Center: 1950, Width: 3400, Explanation: "STANDARD"}, {Center: 1500, Width: 1600, Explanation: "LUNG"}},
		PixelSpacing: &spacing, SpacingSource: "imager pixel spacing",
	}}
}

func chestValue(x, y float64, opacity bool) float64 {
	body := ellipse(x, y, .5, .62, .47, .62)
	v := 120 + 2250*body
	lungs := ellipse(x, y, .31, .46, .15, .29) + ellipse(x, y, .69, .45, .145, .28)
	v -= 1650 * math.Min(lungs, 1) * (0.92 + 0.08*math.Sin(60*x+40*y))
	for i := range 9 { // ribs: arcs that fall to the side
		side := math.Abs(x - .5)
		at := .17 + float64(i)*.075 + side*side*1.3
		v += 330 * math.Exp(-math.Pow((y-at)/.011, 2)) * body * math.Min(1, side*9)
	}
	v += 950 * math.Exp(-math.Pow((x-.5)/.045, 2)) * body                                                   // spine
	v += 900 * ellipse(x, y, .56, .62, .15, .15)                                                            // heart
	v += 1100 * ellipse(x, y, .5, .97, .46, .2)                                                             // below the diaphragm
	v += 500 * math.Exp(-math.Pow((y-.14-(.5-x)*(.5-x)*.6)/.012, 2)) * math.Min(1, math.Abs(x-.5)*6) * body // clavicles
	v += 260 * ellipse(x, y, .42, .52, .045, .09)                                                           // hilum
	if opacity {
		v += 720 * ellipse(x, y, .30, .60, .085, .075)
	}
	return v
}

// stackPicture draws one slice of a round phantom in Hounsfield units, signed.
func stackPicture(size, slice, slices int) picture {
	out := make([]byte, 0, size*size*2)
	z := float64(slice)/float64(slices)*2 - 1
	for r := range size {
		for c := range size {
			x, y := float64(c)/float64(size), float64(r)/float64(size)
			v := -1000 + 1040*ellipse(x, y, .5, .5, .42, .36)
			v -= 820 * ellipse(x, y, .34, .48, .13, .2*math.Sqrt(1-.6*z*z)) // lungs
			v -= 820 * ellipse(x, y, .66, .48, .13, .2*math.Sqrt(1-.6*z*z))
			v += 700 * ellipse(x, y, .5, .72, .05, .05)
			v += 30 * ellipse(x, y, .5, .5, .08, .08)
			v += 120 * ellipse(x, y, .3+.05*z, .42, .02, .02)
			out = binary.LittleEndian.AppendUint16(out, uint16(int16(v+12*math.Sin(float64(r*31+c*17)))))
		}
	}
	spacing := [2]float64{0.7, 0.7}
	position := [3]float64{-179, -179, float64(slice) * 3}
	directions := [6]float64{1, 0, 0, 0, 1, 0}
	return picture{stored: out, low: -1350, high: 150, desc: api.ImageDescription{
		Rows: size, Columns: size, Frames: 1, SamplesPerPixel: 1, BitsAllocated: 16, BitsStored: 16, Signed: true,
		Photometric: "MONOCHROME2", Slope: 1, VOIFunction: "LINEAR", Units: "HU",
		Windows:      []api.Window{{Center: 40, Width: 400, Explanation: "SOFT TISSUE"}, {Center: -600, Width: 1500, Explanation: "LUNG"}},
		PixelSpacing: &spacing, SpacingSource: "pixel spacing", Position: &position, Directions: &directions,
	}}
}

// colourPicture draws a colour wheel in several frames, RGB.
func colourPicture(size, frames int) picture {
	out := make([]byte, 0, size*size*3*frames)
	for f := range frames {
		for r := range size {
			for c := range size {
				x, y := float64(c)/float64(size)-.5, float64(r)/float64(size)-.5
				a := math.Atan2(y, x) + float64(f)/float64(frames)*2*math.Pi
				for k := range 3 {
					out = append(out, byte(127+120*math.Cos(a-float64(k)*2*math.Pi/3)*math.Min(1, 2*math.Hypot(x, y))))
				}
			}
		}
	}
	return picture{stored: out, low: 0, high: 255, desc: api.ImageDescription{
		Rows: size, Columns: size, Frames: frames, SamplesPerPixel: 3, BitsAllocated: 8, BitsStored: 8, Photometric: "RGB",
		Slope: 1, VOIFunction: "LINEAR", Windows: []api.Window{}, FrameTime: 80,
	}}
}

func (p *picture) frameBytes() int { return len(p.stored) / p.desc.Frames }

func (p *picture) frame(n int) []byte {
	size := p.frameBytes()
	return p.stored[(n-1)*size : n*size]
}

// jpeg renders a frame at most size pixels wide and high.
func (p *picture) jpeg(n, size int) ([]byte, error) {
	scale := math.Max(1, math.Max(float64(p.desc.Rows), float64(p.desc.Columns))/float64(size))
	w, h := int(float64(p.desc.Columns)/scale), int(float64(p.desc.Rows)/scale)
	if w == 0 || h == 0 {
		return nil, fmt.Errorf("the picture is too narrow")
	}
	img, data := image.NewRGBA(image.Rect(0, 0, w, h)), p.frame(n)
	for y := range h {
		for x := range w {
			img.SetRGBA(x, y, p.at(data, int(float64(x)*scale), int(float64(y)*scale)))
		}
	}
	var out bytes.Buffer
	err := jpeg.Encode(&out, img, &jpeg.Options{Quality: 85})
	return out.Bytes(), err
}

func (p *picture) at(data []byte, x, y int) color.RGBA {
	i := y*p.desc.Columns + x
	if p.desc.SamplesPerPixel == 3 {
		return color.RGBA{data[3*i], data[3*i+1], data[3*i+2], 255}
	}
	v := float64(binary.LittleEndian.Uint16(data[2*i:]))
	if p.desc.Signed {
		v = float64(int16(binary.LittleEndian.Uint16(data[2*i:])))
	}
	g := byte(math.Max(0, math.Min(255, (v-p.low)/(p.high-p.low)*255)))
	return color.RGBA{g, g, g, 255}
}

// stagePNG draws what a pipeline step could look like.
func stagePNG(kind int) ([]byte, error) {
	const size = 224
	img := image.NewGray(image.Rect(0, 0, size, size))
	for y := range size {
		for x := range size {
			fx, fy := float64(x)/size, float64(y)/size
			v := chestValue(fx, fy, true)
			switch kind {
			case 1: // contrast
				v = 4095 * math.Pow(v/4095, .6)
			case 2: // edges
				v = 6 * math.Abs(v-chestValue(fx+.006, fy+.006, true))
			case 3: // segmentation
				if v < 1100 && ellipse(fx, fy, .5, .5, .4, .45) > .5 {
					v = 4000
				} else {
					v = 300
				}
			}
			img.SetGray(x, y, color.Gray{byte(math.Max(0, math.Min(255, v/4095*255)))})
		}
	}
	var out bytes.Buffer
	err := png.Encode(&out, img)
	return out.Bytes(), err
}

// heat returns a grid of evidence with one warm place.
func heat(n int, cx, cy float64) []byte {
	out := make([]byte, 0, n*n)
	for y := range n {
		for x := range n {
			d := math.Hypot((float64(x)+.5)/float64(n)-cx, (float64(y)+.5)/float64(n)-cy)
			out = append(out, byte(255*math.Exp(-d*d/.012)))
		}
	}
	return out
}
