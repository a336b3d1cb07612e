package icc

import (
	"math"
	"sync"
)

// named describes a colour space: the colorants adapted to D50 (columns red,
// green, blue) and the tone curve as parametric functions.
type named struct {
	description string
	matrix      [3][3]float64
	kind        int
	parameters  []float64
}

// The colour spaces that a rendering can be asked for in (PS3.18 8.3.5.1.5):
// IEC 61966-2-1; Adobe RGB (1998); ROMM RGB (ISO 22028-2).
var (
	srgb = named{"sRGB IEC61966-2.1", [3][3]float64{{0.43607, 0.38515, 0.14307}, {0.22249, 0.71687, 0.06061}, {0.01392, 0.09708, 0.71410}},
		3, []float64{2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045}}
	adobe = named{"Adobe RGB (1998)", [3][3]float64{{0.60974, 0.20528, 0.14919}, {0.31111, 0.62567, 0.06322}, {0.01947, 0.06087, 0.74457}},
		0, []float64{2.19921875}}
	romm = named{"ROMM RGB", [3][3]float64{{0.79767, 0.13519, 0.03134}, {0.28804, 0.71188, 0.00009}, {0, 0, 0.82491}},
		3, []float64{1.8, 1, 0, 1.0 / 16, 16.0 / 512}}
)

var profiles = sync.OnceValue(func() map[string]*Profile {
	return map[string]*Profile{"srgb": srgb.profile(), "adobergb": adobe.profile(), "rommrgb": romm.profile()}
})

// Named is the profile of a colour space by its name in PS3.18: srgb, adobergb
// or rommrgb.
func Named(name string) (*Profile, bool) {
	p, ok := profiles()[name]
	return p, ok
}

// d50 is the white of the connection space (ISO 15076-1 6.3.4.3).
var d50 = [3]float64{0.9642, 1, 0.8249}

// profile is what a reader of the written bytes sees, rounded alike.
func (n named) profile() *Profile {
	p, err := Parse(n.bytes())
	if err != nil {
		panic(err) // a constant of this package
	}
	return p
}

// bytes writes the profile: version 4.3, class display.
func (n named) bytes() []byte {
	curve := append([]byte("para\x00\x00\x00\x00"), 0, byte(n.kind), 0, 0) //nolint:gosec // below 5
	for _, x := range n.parameters {
		curve = appendFixed(curve, x)
	}
	elements := []struct {
		names []string
		data  []byte
	}{
		{[]string{"desc"}, text(n.description)}, {[]string{"cprt"}, text("No copyright, use freely")}, {[]string{"wtpt"}, xyz(d50)},
		{[]string{"rTRC", "gTRC", "bTRC"}, curve},
	}
	for i, name := range []string{"rXYZ", "gXYZ", "bXYZ"} {
		elements = append(elements, struct {
			names []string
			data  []byte
		}{[]string{name}, xyz([3]float64{n.matrix[0][i], n.matrix[1][i], n.matrix[2][i]})})
	}
	count, body := 0, []byte(nil)
	for _, e := range elements {
		count += len(e.names)
	}
	start := 128 + 4 + 12*count
	table := order.AppendUint32(nil, uint32(count)) //nolint:gosec // nine
	for _, e := range elements {
		for _, name := range e.names {
			table = order.AppendUint32(append(table, name...), uint32(start+len(body))) //nolint:gosec // a few hundred
			table = order.AppendUint32(table, uint32(len(e.data)))                      //nolint:gosec // a few hundred
		}
		body = append(body, e.data...)
		body = append(body, make([]byte, -len(body)&3)...)
	}
	return append(append(header(start+len(body)), table...), body...)
}

// header is the profile header (ISO 15076-1 7.2).
func header(size int) []byte {
	h := make([]byte, 128)
	order.PutUint32(h, uint32(size)) //nolint:gosec // a few hundred
	copy(h[8:], "\x04\x30\x00\x00mntrRGB XYZ \x07\xe2\x00\x01\x00\x01\x00\x00\x00\x00\x00\x00acsp")
	copy(h[68:], xyz(d50)[8:])
	return h
}

func appendFixed(b []byte, x float64) []byte {
	return order.AppendUint32(b, uint32(int32(math.Round(x*65536)))) //nolint:gosec // s15Fixed16Number
}

func xyz(v [3]float64) []byte {
	b := []byte("XYZ \x00\x00\x00\x00")
	for _, x := range v {
		b = appendFixed(b, x)
	}
	return b
}

// text is a text in English (10.15, multiLocalizedUnicodeType).
func text(s string) []byte {
	b := []byte("mluc\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x0cenUS")
	b = order.AppendUint32(b, uint32(2*len(s))) //nolint:gosec // a few words
	b = order.AppendUint32(b, 28)
	for i := range len(s) {
		b = append(b, 0, s[i])
	}
	return append(b, make([]byte, -len(b)&3)...)
}
