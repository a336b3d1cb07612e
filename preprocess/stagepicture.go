package preprocess

import (
	"bytes"
	"image"
	"image/png"
	"math"

	"gocv.io/x/gocv"
)

// PictureSide is the longest side of a stage picture.
const PictureSide = 512

// draw makes the picture of a stage: what the step showed, or the image after
// it. Values outside 0..255 are stretched from the smallest to the largest.
func (r *run) draw(st *Stage) error {
	b := r.show
	if b == nil {
		var err error
		if b, err = r.pixels(); err != nil {
			return err
		}
	}
	small, err := r.shrink(b)
	if err != nil {
		return err
	}
	defer r.w.release(small)
	pix, err := viewable(r.w, small)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := encoder.Encode(&out, picture8(pix, small)); err != nil {
		return err
	}
	st.PNG = out.Bytes()
	return nil
}

// shrink fits b into PictureSide.
func (r *run) shrink(b *buffer) (*buffer, error) {
	longest := max(b.rows, b.columns)
	if longest <= PictureSide {
		return b.hold(), nil
	}
	f := float64(PictureSide) / float64(longest)
	rows := max(1, int(math.Round(float64(b.rows)*f)))
	columns := max(1, int(math.Round(float64(b.columns)*f)))
	out, err := r.w.take(rows, columns, b.kind)
	if err != nil {
		return nil, err
	}
	gocv.Resize(b.mat, &out.mat, image.Pt(columns, rows), 0, 0, gocv.InterpolationArea)
	return out, out.check()
}

// viewable gives 8-bit samples of b.
func viewable(w *workspace, b *buffer) ([]byte, error) {
	if matDepth(b.kind) == gocv.MatTypeCV8U {
		return b.bytes8()
	}
	pix, err := b.floats32()
	if err != nil {
		return nil, err
	}
	low, high := float32(math.Inf(1)), float32(math.Inf(-1))
	for _, v := range pix {
		low, high = min(low, v), max(high, v)
	}
	factor := float32(0)
	if high > low {
		factor = 255 / (high - low)
	}
	out := w.byteSlice("picture", len(pix))
	for i, v := range pix {
		out[i] = byte((v-low)*factor + 0.5)
	}
	return out, nil
}

func picture8(pix []byte, b *buffer) image.Image {
	bounds := image.Rect(0, 0, b.columns, b.rows)
	if matChannels(b.kind) == 1 {
		return &image.Gray{Pix: pix, Stride: b.columns, Rect: bounds}
	}
	img := image.NewRGBA(bounds)
	for i := range b.rows * b.columns {
		copy(img.Pix[4*i:4*i+3], pix[3*i:3*i+3])
		img.Pix[4*i+3] = 255
	}
	return img
}
