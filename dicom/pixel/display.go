package pixel

import (
	"encoding/binary"
	"math"
	"slices"
	"sort"
	"sync"

	"github.com/radnode/radnode"
)

// DisplaySamples is the number of display samples a pixel: 3 for colour,
// palette colour and monochrome with a supplemental palette, else 1.
func (im *Image) DisplaySamples() int {
	if im.Samples == 3 || im.palette != nil {
		return 3
	}
	return 1
}

// Display8 renders f, frame n, to 8-bit P-values (grey) or RGB through window
// w; nil means DefaultWindow. dst holds Rows × Columns × DisplaySamples bytes.
func (im *Image) Display8(f *Frame, n int, w *Window, dst []byte) error {
	if err := im.checkDisplay(f, len(dst)); err != nil {
		return err
	}
	if f.Samples == 3 {
		f.colour8(dst)
		return nil
	}
	if f.Photometric == PaletteColor {
		im.palette8(f, dst)
		return nil
	}
	grey := dst
	if im.palette != nil {
		grey = make([]byte, f.Rows*f.Columns)
	}
	tone, err := im.tone(f, n, w)
	if err != nil {
		return err
	}
	if table := im.curves.table(f, tone, len(grey)); table != nil {
		lookUp(f, table, grey)
	} else {
		f.each(func(i int, v float64) { grey[i] = to8(tone.at(v)) })
	}
	if im.palette != nil {
		im.supplement(f, func(i int, grey16 [3]uint16, coloured bool) {
			if !coloured {
				dst[3*i], dst[3*i+1], dst[3*i+2] = grey[i], grey[i], grey[i]
				return
			}
			dst[3*i], dst[3*i+1], dst[3*i+2] = byte(grey16[0]>>8), byte(grey16[1]>>8), byte(grey16[2]>>8)
		})
	}
	return nil
}

// DisplayFloat renders as Display8 does, to 0..1 and without rounding to 8
// bits.
func (im *Image) DisplayFloat(f *Frame, n int, w *Window, dst []float32) error {
	if err := im.checkDisplay(f, len(dst)); err != nil {
		return err
	}
	if f.Samples == 3 || f.Photometric == PaletteColor {
		im.colourFloat(f, dst)
		return nil
	}
	tone, err := im.tone(f, n, w)
	if err != nil {
		return err
	}
	grey := dst
	if im.palette != nil {
		grey = make([]float32, f.Rows*f.Columns)
	}
	if t := f.entries(); t > 0 && len(grey) > t/4 {
		table := make([]float32, t)
		for i := range table {
			table[i] = float32(tone.at(f.value(i)))
		}
		lookUp(f, table, grey)
	} else {
		f.each(func(i int, v float64) { grey[i] = float32(tone.at(v)) })
	}
	if im.palette != nil {
		im.supplement(f, func(i int, rgb [3]uint16, coloured bool) {
			for c := range 3 {
				dst[3*i+c] = grey[i]
				if coloured {
					dst[3*i+c] = float32(rgb[c]) / 65535
				}
			}
		})
	}
	return nil
}

func (im *Image) checkDisplay(f *Frame, n int) error {
	if want := f.Rows * f.Columns * im.DisplaySamples(); n != want {
		return radnode.Errorf(radnode.Invalid, opDisplay, "destination has %d values, the picture needs %d", n, want)
	}
	if want := f.Rows * f.Columns * f.Samples * f.BitsAllocated / 8; len(f.Pix) != want || f.Samples != im.Samples {
		return radnode.Errorf(radnode.Invalid, opDisplay, "the frame does not belong to this image")
	}
	if f.Samples == 3 && f.Photometric != RGB {
		return radnode.Errorf(radnode.Invalid, opDisplay, "%s is not for display: decode the frame to RGB", f.Photometric)
	}
	return nil
}

func to8(y float64) byte { return byte(y*255 + 0.5) }

// tone is the whole chain from stored value to 0..1, without state, so that
// equal tones compare equal.
type tone struct {
	modality *modality
	curve    func(float64) float64
	invert   bool
	steady   bool // rises or falls all the way, padding aside
	padded   bool
	padding  func(stored float64) bool
	key      toneKey
}

// toneKey tells tones apart for the cache of tables.
type toneKey struct {
	window  Window
	rescale Rescale
	frame   int // of a table, -1 for none
}

func (t *tone) at(stored float64) float64 {
	if t.padding(stored) {
		return 0 // background
	}
	return t.measured(stored)
}

// measured is at for a value that is no padding.
func (t *tone) measured(stored float64) float64 {
	y := t.curve(t.modality.at(stored))
	if t.invert {
		y = 1 - y
	}
	if y != y { // not a number: no measurement
		return 0
	}
	return y
}

// tone puts the chain for f, frame n, together.
func (im *Image) tone(f *Frame, n int, w *Window) (*tone, error) {
	m, err := im.displayModality(n)
	if err != nil {
		return nil, err
	}
	if w == nil {
		d := im.DefaultWindow(f, n)
		w = &d
	}
	curve, err := im.voi(*w, n)
	if err != nil {
		return nil, err
	}
	if p := im.presentation; p != nil && p.plut != nil {
		grey := curve
		curve = func(x float64) float64 { return p.shape(grey(x)) }
	}
	key := toneKey{window: *w, rescale: m.Rescale, frame: -1}
	if w.Function == TableLUT || m.lut != nil {
		key.frame = n
	}
	steady := key.frame < 0 && (im.presentation == nil || im.presentation.plut == nil)
	return &tone{
		modality: m, curve: curve, invert: im.inverts(), steady: steady,
		padded: im.Padding != nil || im.floatPadding != nil, padding: im.isPadding, key: key,
	}, nil
}

// DefaultWindow returns what a nil window stands for: the first of Windows,
// else the 1st to 99th percentile of the real values of f that are not
// padding, else (a blank frame, one bit) the whole range.
func (im *Image) DefaultWindow(f *Frame, n int) Window {
	if list := im.Windows(n); len(list) > 0 {
		return list[0]
	}
	if im.presentation != nil {
		return im.FullRange(n) // PS3.4 N.2: identity
	}
	if w, ok := im.Percentiles(f, n, 0.01, 0.99); ok && im.BitsStored > 1 {
		return w
	}
	return im.FullRange(n)
}

// FullRange is the window from the smallest to the largest real value that
// the header allows.
func (im *Image) FullRange(n int) Window {
	low, high := im.realRange(n)
	if im.Float || high <= low {
		low, high = 0, 1
	}
	return Window{Center: (low + high) / 2, Width: high - low, Function: LinearExact, Explanation: "full range"}
}

// Percentiles returns the window between two shares (0..1) of the real values
// of f, padding left out; ok is false where they do not differ.
func (im *Image) Percentiles(f *Frame, n int, from, to float64) (w Window, ok bool) {
	m, err := im.displayModality(n)
	if err != nil {
		return Window{}, false
	}
	values, counts := im.distribution(f, m)
	total := 0
	for _, c := range counts {
		total += c
	}
	low := quantile(values, counts, int(math.Ceil(from*float64(total))))
	high := quantile(values, counts, int(math.Ceil(to*float64(total))))
	if total == 0 || !(high > low) {
		if len(values) < 2 {
			return Window{}, false
		}
		low, high = values[0], values[len(values)-1] // nearly blank: all there is
	}
	return Window{Center: (low + high) / 2, Width: high - low, Function: LinearExact, Explanation: "percentiles"}, high > low
}

// quantile returns the smallest value that at least k samples do not exceed.
func quantile(values []float64, counts []int, k int) float64 {
	seen := 0
	for i, c := range counts {
		if seen += c; seen >= k && seen > 0 {
			return values[i]
		}
	}
	return 0
}

// maxSorted bounds the samples that are sorted where no histogram is possible.
const maxSorted = 1 << 20

// distribution returns the real values that occur in f in rising order, and
// how often, padding and what is not a number left out.
func (im *Image) distribution(f *Frame, m *modality) (values []float64, counts []int) {
	if t := f.entries(); t > 0 {
		return im.histogram(f, m, t)
	}
	step := 1 + f.Rows*f.Columns/maxSorted
	f.each(func(i int, v float64) {
		if i%step == 0 && !im.isPadding(v) && !math.IsNaN(v) && !math.IsInf(v, 0) {
			values = append(values, m.at(v))
		}
	})
	slices.Sort(values)
	counts = make([]int, len(values))
	for i := range counts {
		counts[i] = 1
	}
	return values, counts
}

func (im *Image) histogram(f *Frame, m *modality, entries int) (values []float64, counts []int) {
	h, kinds := f.count(entries), 0
	for _, c := range h {
		if c > 0 {
			kinds++
		}
	}
	values, counts = make([]float64, 0, kinds), make([]int, 0, kinds)
	first := 0 // the pattern of the smallest stored value
	if f.Signed {
		first = entries / 2
	}
	for i := range h {
		pattern := (first + i) & (entries - 1)
		if c := h[pattern]; c > 0 {
			if v := f.value(pattern); !im.isPadding(v) {
				values, counts = append(values, m.at(v)), append(counts, int(c))
			}
		}
	}
	switch {
	case m.lut != nil:
		sort.Sort(bins{values, counts})
	case m.Slope < 0:
		slices.Reverse(values)
		slices.Reverse(counts)
	}
	return values, counts
}

// count returns how often each bit pattern of a sample occurs.
func (f *Frame) count(entries int) []int32 {
	if cap(f.counts) < entries {
		f.counts = make([]int32, entries)
	}
	h := f.counts[:entries]
	clear(h)
	if f.BitsAllocated == 8 {
		for _, v := range f.Pix {
			h[v]++
		}
		return h
	}
	t := (*[65536]int32)(h)
	p := f.Pix
	for ; len(p) >= 8; p = p[8:] {
		w := binary.LittleEndian.Uint64(p)
		t[uint16(w)]++
		t[uint16(w>>16)]++
		t[uint16(w>>32)]++
		t[uint16(w>>48)]++
	}
	for ; len(p) >= 2; p = p[2:] {
		t[binary.LittleEndian.Uint16(p)]++
	}
	return h
}

// bins are values with how often each occurs.
type bins struct {
	values []float64
	counts []int
}

func (b bins) Len() int           { return len(b.values) }
func (b bins) Less(i, j int) bool { return b.values[i] < b.values[j] }
func (b bins) Swap(i, j int) {
	b.values[i], b.values[j] = b.values[j], b.values[i]
	b.counts[i], b.counts[j] = b.counts[j], b.counts[i]
}

// curveCache keeps the last table of Display8: frames of one series and the
// redraws of one window share it.
type curveCache struct {
	mu     sync.Mutex
	key    toneKey
	bits   int
	table8 []byte
}

// table returns the 8-bit table of a tone, nil where sample by sample is
// cheaper or the only way.
func (c *curveCache) table(f *Frame, t *tone, pixels int) []byte {
	entries := f.entries()
	if entries == 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.table8 != nil && c.key == t.key && c.bits == f.BitsAllocated {
		return c.table8
	}
	if pixels < entries/4 {
		return nil
	}
	c.key, c.bits, c.table8 = t.key, f.BitsAllocated, t.table8(f, entries)
	return c.table8
}

// table8 holds the display value of every bit pattern of a sample.
func (t *tone) table8(f *Frame, entries int) []byte {
	table := make([]byte, entries)
	if !t.steady {
		for i := range table {
			table[i] = to8(t.at(f.value(i)))
		}
		return table
	}
	half := entries / 2 // values rise within each half, signed or not
	t.fill(table[:half], f.value(0))
	t.fill(table[half:], f.value(half))
	for i := range table {
		if table[i] != 0 && t.padded && t.padding(f.value(i)) {
			table[i] = 0
		}
	}
	return table
}

// fill sets the display values of the stored values from first on. Where both
// ends of a steady stretch are equal, so is what lies between.
func (t *tone) fill(table []byte, first float64) {
	last := len(table) - 1
	a, b := to8(t.measured(first)), to8(t.measured(first+float64(last)))
	if a != b && last > 1 {
		t.fill(table[:last/2+1], first)
		t.fill(table[last/2+1:], first+float64(last/2+1))
		return
	}
	table[last] = b
	for i := range table[:last] {
		table[i] = a
	}
}
