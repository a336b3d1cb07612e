package report

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"image"
	"image/jpeg"
	"strings"
	"unicode/utf16"

	"golang.org/x/image/font/sfnt"

	"github.com/radnode/radnode"
)

// A4 in points, with its margins.
const (
	pageWidth  = 595.0
	pageHeight = 842.0
	margin     = 42.0
)

// line is one line of a page.
type line struct {
	text string
	size float64
	bold bool
	gap  float64 // above it
}

// page is what stands on one page: lines from the top, pictures side by side at
// the foot.
type page struct {
	lines    []line
	pictures []image.Image
}

// pictureHeight is the least height of the pictures of a page.
const pictureHeight = 240.0

// paginate lays paragraphs and pictures out on one page, in smaller letters where
// they are many. What does not fit in the smallest goes on other pages: nothing
// is left out.
func paginate(p *pen, paragraphs []line, pictures []image.Image) []page {
	foot := 0.0
	if len(pictures) > 0 {
		foot = pictureHeight
	}
	for _, scale := range []float64{1, 0.9, 0.8, 0.7} {
		if lines, height := layout(p, paragraphs, scale); height <= pageHeight-2*margin-foot {
			return []page{{lines, pictures}}
		}
	}
	lines, _ := layout(p, paragraphs, 0.8)
	pages := []page{{}}
	left := pageHeight - 2*margin
	for _, l := range lines {
		if h := l.gap + 1.35*l.size; h > left {
			pages, left = append(pages, page{}), pageHeight-2*margin
		}
		pages[len(pages)-1].lines = append(pages[len(pages)-1].lines, l)
		left -= l.gap + 1.35*l.size
	}
	for len(pictures) > 0 {
		if left < pictureHeight {
			pages, left = append(pages, page{}), pageHeight-2*margin
		}
		n := min(4, len(pictures))
		pages[len(pages)-1].pictures, pictures, left = pictures[:n], pictures[n:], 0
	}
	return pages
}

func layout(p *pen, paragraphs []line, scale float64) (lines []line, height float64) {
	for _, q := range paragraphs {
		size := q.size * scale
		for i, text := range p.wrap(q.text, q.bold, (pageWidth-2*margin)/size) {
			l := line{text, size, q.bold, q.gap * scale}
			if i > 0 {
				l.gap = 0
			}
			lines = append(lines, l)
			height += l.gap + 1.35*size
		}
	}
	return lines, height
}

// pdfFont is a font of up to 256 glyphs, drawn as outlines (Type 3, ISO 32000-1
// 9.6.5): every viewer shows the same, whatever fonts its machine has.
type pdfFont struct {
	id     int
	glyphs []glyph
	runes  []rune
}

// pdf numbers the objects of a document and remembers which glyphs it needs.
type pdf struct {
	*pen
	objects [][]byte
	fonts   []*pdfFont
	codes   map[string][2]int // glyph → font and code
}

func (w *pdf) reserve() int {
	w.objects = append(w.objects, nil)
	return len(w.objects)
}

func (w *pdf) set(id int, format string, args ...any) {
	w.objects[id-1] = fmt.Appendf(nil, format, args...)
}

func (w *pdf) stream(id int, dict string, data []byte) {
	w.objects[id-1] = append(fmt.Appendf(nil, "<<%s/Length %d>>\nstream\n", dict, len(data)), append(bytes.Clone(data), "\nendstream"...)...)
}

func (w *pdf) deflated(id int, dict string, data []byte) error {
	var z bytes.Buffer
	zw := zlib.NewWriter(&z)
	if _, err := zw.Write(data); err != nil {
		return err
	}
	if err := zw.Close(); err != nil {
		return err
	}
	w.stream(id, dict+"/Filter/FlateDecode", z.Bytes())
	return nil
}

// code is where a glyph stands in the fonts of the document.
func (w *pdf) code(g glyph, r rune) (fontIndex, code int) {
	key := fmt.Sprintf("%s%d/%d", g.face.key, g.index, r)
	if c, ok := w.codes[key]; ok {
		return c[0], c[1]
	}
	if len(w.fonts) == 0 || len(w.fonts[len(w.fonts)-1].glyphs) == 256 {
		w.fonts = append(w.fonts, &pdfFont{id: w.reserve()})
	}
	f := w.fonts[len(w.fonts)-1]
	f.glyphs, f.runes = append(f.glyphs, g), append(f.runes, r)
	c := [2]int{len(w.fonts) - 1, len(f.glyphs) - 1}
	w.codes[key] = c
	return c[0], c[1]
}

// show writes a line as text-showing operators, one for each run of a font.
func (w *pdf) show(b *bytes.Buffer, l line, y float64) {
	list, runes := w.glyphs(l.text, l.bold)
	fmt.Fprintf(b, "BT %.2f %.2f Td", margin, y)
	current := -1
	for i, g := range list {
		f, code := w.code(g, runes[i])
		if f != current {
			if current >= 0 {
				b.WriteString("> Tj")
			}
			fmt.Fprintf(b, " /F%d %.2f Tf <", f, l.size)
			current = f
		}
		fmt.Fprintf(b, "%02X", code)
	}
	if current >= 0 {
		b.WriteString("> Tj")
	}
	b.WriteString(" ET\n")
}

// writePDF makes a document of pages (ISO 32000-1 7.5).
func writePDF(p *pen, title string, pages []page) ([]byte, error) {
	w := &pdf{pen: p, codes: map[string][2]int{}}
	catalog, tree, info, resources := w.reserve(), w.reserve(), w.reserve(), w.reserve()
	kids, images := "", ""
	for i, pg := range pages {
		id, contents := w.reserve(), w.reserve()
		kids += fmt.Sprintf("%d 0 R ", id)
		w.set(id, "<</Type/Page/Parent %d 0 R/Contents %d 0 R>>", tree, contents)
		var b bytes.Buffer
		y := pageHeight - margin
		for _, l := range pg.lines {
			y -= l.gap + 1.35*l.size
			w.show(&b, l, y)
		}
		if len(pages) > 1 {
			w.show(&b, line{text: fmt.Sprintf("%s, page %d of %d", title, i+1, len(pages)), size: 8}, margin/2)
		}
		names, err := w.pictures(&b, pg.pictures, y-8)
		if err != nil {
			return nil, err
		}
		images += names
		if err := w.deflated(contents, "", b.Bytes()); err != nil {
			return nil, err
		}
	}
	fonts := ""
	for i, f := range w.fonts {
		fonts += fmt.Sprintf("/F%d %d 0 R", i, f.id)
		if err := w.font(f); err != nil {
			return nil, err
		}
	}
	w.set(catalog, "<</Type/Catalog/Pages %d 0 R>>", tree)
	w.set(tree, "<</Type/Pages/Kids[%s]/Count %d/MediaBox[0 0 %.0f %.0f]/Resources %d 0 R>>", kids, len(pages), pageWidth, pageHeight, resources)
	w.set(resources, "<</Font<<%s>>/XObject<<%s>>>>", fonts, images)
	w.set(info, "<</Title<FEFF%s>/Producer(radnode)>>", hexUTF16(title))
	return w.file(catalog, info), nil
}

// pictures writes pictures side by side below y and returns their names.
func (w *pdf) pictures(b *bytes.Buffer, list []image.Image, y float64) (names string, err error) {
	if len(list) == 0 {
		return "", nil
	}
	space := (pageWidth - 2*margin - 8*float64(len(list)-1)) / float64(len(list))
	for i, img := range list {
		var data bytes.Buffer
		if err := jpeg.Encode(&data, img, &jpeg.Options{Quality: 92}); err != nil {
			return "", radnode.Errorf(radnode.Internal, op, "encode picture: %w", err)
		}
		id, size := w.reserve(), img.Bounds().Size()
		w.stream(id, fmt.Sprintf("/Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/DCTDecode", size.X, size.Y), data.Bytes())
		scale := min(space/float64(size.X), (y-margin)/float64(size.Y))
		width, height := scale*float64(size.X), scale*float64(size.Y)
		names += fmt.Sprintf("/I%d %d 0 R", id, id)
		fmt.Fprintf(b, "q %.2f 0 0 %.2f %.2f %.2f cm /I%d Do Q\n", width, height, margin+float64(i)*(space+8), y-height, id)
	}
	return names, nil
}

// font writes the glyphs of a font, their widths and the characters they stand
// for.
func (w *pdf) font(f *pdfFont) error {
	procs, differences, widths := "", "", ""
	var characters strings.Builder
	for i, g := range f.glyphs {
		id := w.reserve()
		if err := w.deflated(id, "", w.outline(g)); err != nil {
			return err
		}
		procs += fmt.Sprintf("/g%d %d 0 R", i, id)
		differences += fmt.Sprintf("/g%d", i)
		widths += fmt.Sprintf("%.0f ", g.advance*1000)
		fmt.Fprintf(&characters, "1 beginbfchar\n<%02X> <%s>\nendbfchar\n", i, hexUTF16(string(f.runes[i])))
	}
	unicode := w.reserve()
	err := w.deflated(unicode, "", []byte("/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /U def /CMapType 2 def\n"+
		"1 begincodespacerange <00> <FF> endcodespacerange\n"+characters.String()+"endcmap CMapName currentdict /CMap defineresource pop end end"))
	w.set(f.id, "<</Type/Font/Subtype/Type3/FontBBox[0 0 0 0]/FontMatrix[.001 0 0 .001 0 0]/Resources<<>>/CharProcs<<%s>>/Encoding<</Type/Encoding/Differences[0%s]>>"+
		"/FirstChar 0/LastChar %d/Widths[%s]/ToUnicode %d 0 R>>", procs, differences, len(f.glyphs)-1, widths, unicode)
	return err
}

// outline is a glyph as a filled path, 1000 units to the size.
func (w *pdf) outline(g glyph) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%.0f 0 -1000 -1000 2000 2000 d1\n", g.advance*1000)
	var x, y float64
	for _, s := range w.segments(g) {
		var q [3][2]float64
		for i, a := range s.Args {
			q[i] = [2]float64{float64(a.X) / 64, -float64(a.Y) / 64}
		}
		switch s.Op {
		case sfnt.SegmentOpMoveTo:
			fmt.Fprintf(&b, "%.1f %.1f m\n", q[0][0], q[0][1])
			x, y = q[0][0], q[0][1]
		case sfnt.SegmentOpLineTo:
			fmt.Fprintf(&b, "%.1f %.1f l\n", q[0][0], q[0][1])
			x, y = q[0][0], q[0][1]
		case sfnt.SegmentOpQuadTo: // PDF knows cubic curves alone
			fmt.Fprintf(&b, "%.1f %.1f %.1f %.1f %.1f %.1f c\n", x+2*(q[0][0]-x)/3, y+2*(q[0][1]-y)/3,
				q[1][0]+2*(q[0][0]-q[1][0])/3, q[1][1]+2*(q[0][1]-q[1][1])/3, q[1][0], q[1][1])
			x, y = q[1][0], q[1][1]
		case sfnt.SegmentOpCubeTo:
			fmt.Fprintf(&b, "%.1f %.1f %.1f %.1f %.1f %.1f c\n", q[0][0], q[0][1], q[1][0], q[1][1], q[2][0], q[2][1])
			x, y = q[2][0], q[2][1]
		}
	}
	b.WriteString("f\n")
	return b.Bytes()
}

func hexUTF16(s string) string {
	out := ""
	for _, u := range utf16.Encode([]rune(s)) {
		out += fmt.Sprintf("%04X", u)
	}
	return out
}

// file writes the objects and where each begins.
func (w *pdf) file(catalog, info int) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.5\n%\xe2\xe3\xcf\xd3\n")
	var offsets []int
	for i, o := range w.objects {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	xref := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(offsets)+1)
	for _, o := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer\n<</Size %d/Root %d 0 R/Info %d 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(offsets)+1, catalog, info, xref)
	return b.Bytes()
}
