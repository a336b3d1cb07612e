package report

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"io"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"

	"github.com/radnode/radnode"
)

// The fonts of pictures and pages are part of the program: a font of the machine
// would make other bytes under the same UID once it is installed or replaced.
//
//go:embed fonts/DroidSansFallbackFull.ttf.gz
var droid []byte

// typeface is a font with the key it has in documents.
type typeface struct {
	key  string
	font *sfnt.Font
}

// typefaces are the fonts in the order in which they are asked for a character:
// Go for Latin, Greek and Cyrillic, Droid Sans Fallback for Chinese and Japanese.
type typefaces struct{ regular, bold []typeface }

var faces = sync.OnceValues(func() (*typefaces, error) {
	unpacked, err := gzip.NewReader(bytes.NewReader(droid))
	if err != nil {
		return nil, radnode.Errorf(radnode.Internal, op, "unpack font: %w", err)
	}
	han, err := io.ReadAll(unpacked)
	if err != nil {
		return nil, radnode.Errorf(radnode.Internal, op, "unpack font: %w", err)
	}
	var list []typeface
	for i, data := range [][]byte{goregular.TTF, gobold.TTF, han} {
		f, err := sfnt.Parse(data)
		if err != nil {
			return nil, radnode.Errorf(radnode.Internal, op, "read font: %w", err)
		}
		list = append(list, typeface{key: "rbh"[i : i+1], font: f})
	}
	return &typefaces{regular: []typeface{list[0], list[2]}, bold: []typeface{list[1], list[2]}}, nil
})

// glyph is a character in a font.
type glyph struct {
	face    typeface
	index   sfnt.GlyphIndex
	advance float64 // of a size of 1
}

// em is the size at which outlines are read, in pixels of the font package.
const em = 1000

// pen lays text out. It is not for several goroutines.
type pen struct {
	*typefaces
	buffer sfnt.Buffer
}

func newPen() (*pen, error) {
	f, err := faces()
	if err != nil {
		return nil, err
	}
	return &pen{typefaces: f}, nil
}

func (p *pen) glyph(r rune, bold bool) (glyph, bool) {
	list := p.regular
	if bold {
		list = p.bold
	}
	for _, f := range list {
		i, err := f.font.GlyphIndex(&p.buffer, r)
		if err != nil || i == 0 {
			continue
		}
		if a, err := f.font.GlyphAdvance(&p.buffer, i, fixed.I(em), font.HintingNone); err == nil {
			return glyph{f, i, float64(a) / 64 / em}, true
		}
	}
	return glyph{}, false
}

// glyphs are the characters of s; what no font has is left out, see shown.
func (p *pen) glyphs(s string, bold bool) (list []glyph, runes []rune) {
	for _, r := range s {
		if g, ok := p.glyph(r, bold); ok {
			list, runes = append(list, g), append(runes, r)
		}
	}
	return list, runes
}

// readable replaces what the fonts cannot write, and what would need more than
// letters side by side, by words that say so: better no name than a wrong one.
func (p *pen) readable(s string) string {
	var out strings.Builder
	missing, first := 0, rune(0)
	flush := func() {
		if missing > 0 {
			fmt.Fprintf(&out, "[%s text of %d characters: not shown on this page]", script(first), missing)
		}
		missing = 0
	}
	for _, r := range s {
		_, ok := p.glyph(r, false)
		switch {
		case r == '\n':
			flush()
			out.WriteRune(r)
		case ok && !(missing > 0 && r == ' '):
			flush()
			out.WriteRune(r)
		case unicode.IsControl(r) || r == '\u200b' || r == '\ufeff':
		default:
			if missing == 0 {
				first = r
			}
			missing++
		}
	}
	flush()
	return out.String()
}

// script names the script of a character.
func script(r rune) string {
	for name, table := range unicode.Scripts {
		if name != "Common" && name != "Inherited" && unicode.Is(table, r) {
			return name
		}
	}
	return "other"
}

// segments is the outline of a glyph at the size em, y downwards.
func (p *pen) segments(g glyph) sfnt.Segments {
	s, err := g.face.font.LoadGlyph(&p.buffer, g.index, fixed.I(em), nil)
	if err != nil {
		return nil
	}
	return s
}

// draw writes s into a picture, y the base line.
func (p *pen) draw(img *image.RGBA, x, y, size float64, c color.RGBA, s string) {
	list, _ := p.glyphs(s, false)
	for _, g := range list {
		p.drawGlyph(img, x, y, size, c, g)
		x += g.advance * size
	}
}

func (p *pen) drawGlyph(img *image.RGBA, x, y, size float64, c color.RGBA, g glyph) {
	cell := image.Rect(int(x-size/2), int(y-1.5*size), int(x+2*size)+1, int(y+size)+1)
	if cell.Intersect(img.Bounds()).Empty() {
		return
	}
	z := vector.NewRasterizer(cell.Dx(), cell.Dy())
	at := func(q fixed.Point26_6) (float32, float32) {
		return float32(x + float64(q.X)/64/em*size - float64(cell.Min.X)), float32(y + float64(q.Y)/64/em*size - float64(cell.Min.Y))
	}
	for _, s := range p.segments(g) {
		ax, ay := at(s.Args[0])
		bx, by := at(s.Args[1])
		cx, cy := at(s.Args[2])
		switch s.Op {
		case sfnt.SegmentOpMoveTo:
			z.ClosePath()
			z.MoveTo(ax, ay)
		case sfnt.SegmentOpLineTo:
			z.LineTo(ax, ay)
		case sfnt.SegmentOpQuadTo:
			z.QuadTo(ax, ay, bx, by)
		case sfnt.SegmentOpCubeTo:
			z.CubeTo(ax, ay, bx, by, cx, cy)
		}
	}
	z.ClosePath()
	mask := image.NewAlpha(image.Rect(0, 0, cell.Dx(), cell.Dy()))
	z.Draw(mask, mask.Bounds(), image.Opaque, image.Point{})
	draw.DrawMask(img, cell, image.NewUniform(c), image.Point{}, mask, image.Point{}, draw.Over)
}

// wrap breaks s into lines of a width, at spaces where there are some;
// ideographs break anywhere.
func (p *pen) wrap(s string, bold bool, width float64) []string {
	var out []string
	for _, paragraph := range strings.Split(p.readable(s), "\n") {
		out = append(out, p.wrapLine([]rune(paragraph), bold, width)...)
	}
	return out
}

func (p *pen) wrapLine(line []rune, bold bool, width float64) []string {
	var out []string
	for {
		used, space, n := 0.0, -1, 0
		for ; n < len(line); n++ {
			g, _ := p.glyph(line[n], bold)
			if used += g.advance; used > width && n > 0 {
				break
			}
			if line[n] == ' ' {
				space = n
			}
		}
		if n == len(line) {
			return append(out, string(line))
		}
		if space > 0 && line[n] < 0x2E80 {
			out, line = append(out, string(line[:space])), line[space+1:]
			continue
		}
		out, line = append(out, string(line[:n])), line[n:]
	}
}

func fill(img *image.RGBA, r image.Rectangle, c color.RGBA) {
	draw.Draw(img, r.Intersect(img.Bounds()), image.NewUniform(c), image.Point{}, draw.Src)
}

// drawLine draws a line of some width from one point to another.
func drawLine(img *image.RGBA, x0, y0, x1, y1 float64, width int, c color.RGBA) {
	n := int(max(abs(x1-x0), abs(y1-y0))) + 1
	for i := range n + 1 {
		t := float64(i) / float64(n)
		x, y := int(x0+(x1-x0)*t), int(y0+(y1-y0)*t)
		fill(img, image.Rect(x-width/2, y-width/2, x-width/2+width, y-width/2+width), c)
	}
}

func abs(v float64) float64 { return max(v, -v) }
