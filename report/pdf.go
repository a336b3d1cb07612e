package report

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"image"
	"image/jpeg"
	"unicode/utf16"

	"github.com/radnode/radnode"
)

// A4 in points, with its margins.
const (
	pageWidth  = 595.0
	pageHeight = 842.0
	margin     = 48.0
)

// pdfFont is one of the fonts every viewer has or stands in for: Helvetica for
// Latin text, and the predefined fonts of the Adobe collections for Chinese,
// Japanese and Korean (ISO 32000-1 9.7.5.2). None is embedded.
type pdfFont struct {
	resource string
	object   string
	wide     bool
}

var (
	latin    = &pdfFont{resource: "F1", object: "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>"}
	bold     = &pdfFont{resource: "F2", object: "<</Type/Font/Subtype/Type1/BaseFont/Helvetica-Bold/Encoding/WinAnsiEncoding>>"}
	chinese  = &pdfFont{resource: "F3", object: cidFont("STSong-Light", "UniGB-UTF16-H", "GB1", 4), wide: true}
	japanese = &pdfFont{resource: "F4", object: cidFont("HeiseiMin-W3", "UniJIS-UTF16-H", "Japan1", 4), wide: true}
	korean   = &pdfFont{resource: "F5", object: cidFont("HYSMyeongJo-Medium", "UniKS-UTF16-H", "Korea1", 1), wide: true}
	pdfFonts = []*pdfFont{latin, bold, chinese, japanese, korean}
)

func cidFont(name, cmap, ordering string, supplement int) string {
	return fmt.Sprintf("<</Type/Font/Subtype/Type0/BaseFont/%s-%s/Encoding/%s/DescendantFonts[<</Type/Font/Subtype/CIDFontType0/BaseFont/%s/DW 1000"+
		"/CIDSystemInfo<</Registry(Adobe)/Ordering(%s)/Supplement %d>>/FontDescriptor<</Type/FontDescriptor/FontName/%s/Flags 6/FontBBox[-25 -254 1000 880]"+
		"/ItalicAngle 0/Ascent 880/Descent -120/CapHeight 880/StemV 93>>>>]>>", name, cmap, cmap, name, ordering, supplement, name)
}

// fontOf chooses the font of a character; nil where none has it.
func fontOf(r rune, base *pdfFont) *pdfFont {
	switch {
	case r >= 0x20 && r < 0x7F, r >= 0xA0 && r <= 0xFF:
		return base
	case r >= 0x3040 && r <= 0x30FF, r >= 0xFF61 && r <= 0xFF9F:
		return japanese
	case r >= 0xAC00 && r <= 0xD7A3, r >= 0x1100 && r <= 0x11FF:
		return korean
	case r >= 0x2010 && r <= 0x206F, r >= 0x3000 && r <= 0x303F, r >= 0x3400 && r <= 0x9FFF, r >= 0xF900 && r <= 0xFAFF, r >= 0xFF00 && r <= 0xFF60,
		r >= 0x0391 && r <= 0x03C9, r >= 0x0401 && r <= 0x0451:
		return chinese // GB 18030 holds Greek and Cyrillic too
	}
	return nil
}

// helvetica holds the widths of the characters from space to tilde, in
// thousandths of the size.
var helvetica = [...]int{
	278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556,
	1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556,
	333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
}

func widthOf(r rune, size float64) float64 {
	switch {
	case r >= ' ' && r <= '~':
		return float64(helvetica[r-' ']) * size / 1000 * 1.06 // bold is wider
	case r <= 0xFF:
		return 0.6 * size
	}
	return size
}

// pdf lays text and pictures out from top to bottom, on as many pages as it
// takes.
type pdf struct {
	pages  []*bytes.Buffer
	images []pdfImage
	y      float64
}

type pdfImage struct {
	page, width, height int
	data                []byte
}

func newPDF() *pdf {
	p := &pdf{}
	p.newPage()
	return p
}

func (p *pdf) newPage() {
	p.pages = append(p.pages, &bytes.Buffer{})
	p.y = pageHeight - margin
}

func (p *pdf) page() *bytes.Buffer { return p.pages[len(p.pages)-1] }

// need begins a new page where less than h points are left.
func (p *pdf) need(h float64) {
	if p.y-h < margin {
		p.newPage()
	}
}

// text writes a paragraph, wrapped at the right margin.
func (p *pdf) text(base *pdfFont, size float64, s string) {
	for _, line := range wrap(s, size, pageWidth-2*margin) {
		p.need(size * 1.4)
		p.y -= size * 1.4
		fmt.Fprintf(p.page(), "BT %.1f %.1f Td %s ET\n", margin, p.y, runs(line, base, size))
	}
}

func (p *pdf) space(h float64) { p.y -= h }

// wrap breaks s into lines, at spaces where there are some; ideographs break
// anywhere.
func wrap(s string, size, width float64) []string {
	var out []string
	var line []rune
	used, breakAt := 0.0, -1
	flush := func(n, skip int) {
		out = append(out, string(line[:n]))
		line = append([]rune(nil), line[n+skip:]...)
		used, breakAt = 0, -1
		for _, r := range line {
			used += widthOf(r, size)
		}
	}
	for _, r := range s {
		if r == '\r' {
			continue
		}
		if r == '\n' {
			flush(len(line), 0)
			continue
		}
		if w := widthOf(r, size); used+w > width && len(line) > 0 {
			if breakAt > 0 && r < 0x2E80 {
				flush(breakAt, 1)
			} else {
				flush(len(line), 0)
			}
		}
		if r == ' ' {
			breakAt = len(line)
		}
		line = append(line, r)
		used += widthOf(r, size)
	}
	return append(out, string(line))
}

// runs writes a line as text-showing operators, one for each run of a font. A
// character no font has becomes a question mark.
func runs(line string, base *pdfFont, size float64) string {
	var b bytes.Buffer
	var current *pdfFont
	for _, r := range line {
		f := fontOf(r, base)
		if f == nil {
			r, f = '?', base
		}
		if f != current {
			if current != nil {
				b.WriteString("> Tj ")
			}
			fmt.Fprintf(&b, "/%s %.1f Tf <", f.resource, size)
			current = f
		}
		if !f.wide {
			fmt.Fprintf(&b, "%02X", r)
			continue
		}
		for _, u := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, "%04X", u)
		}
	}
	if current != nil {
		b.WriteString("> Tj")
	}
	return b.String()
}

// image puts a picture below the text, as wide as the page or as what is left
// of it allows.
func (p *pdf) image(img image.Image) error {
	var data bytes.Buffer
	if err := jpeg.Encode(&data, img, &jpeg.Options{Quality: 92}); err != nil {
		return radnode.Errorf(radnode.Internal, op, "encode picture: %w", err)
	}
	size := img.Bounds().Size()
	p.need(200)
	w := pageWidth - 2*margin
	h := w * float64(size.Y) / float64(size.X)
	if left := p.y - margin; h > left {
		w, h = w*left/h, left
	}
	p.y -= h
	p.images = append(p.images, pdfImage{page: len(p.pages) - 1, width: size.X, height: size.Y, data: data.Bytes()})
	fmt.Fprintf(p.page(), "q %.2f 0 0 %.2f %.2f %.2f cm /I%d Do Q\n", w, h, margin, p.y, len(p.images))
	return nil
}

// bytes writes the file (ISO 32000-1 7.5): fixed objects first, then pictures
// and pages.
func (p *pdf) bytes(title string) ([]byte, error) {
	w := &pdfWriter{}
	w.b.WriteString("%PDF-1.5\n%\xe2\xe3\xcf\xd3\n")
	firstFont := 4
	firstImage := firstFont + len(pdfFonts)
	firstPage := firstImage + len(p.images)
	kids, fonts, images := "", "", ""
	for i := range p.pages {
		kids += fmt.Sprintf("%d 0 R ", firstPage+2*i)
	}
	for i, f := range pdfFonts {
		fonts += fmt.Sprintf("/%s %d 0 R", f.resource, firstFont+i)
	}
	for i := range p.images {
		images += fmt.Sprintf("/I%d %d 0 R", i+1, firstImage+i)
	}
	w.object("<</Type/Catalog/Pages 2 0 R>>")
	w.object(fmt.Sprintf("<</Type/Pages/Kids[%s]/Count %d/MediaBox[0 0 %.0f %.0f]/Resources<</Font<<%s>>/XObject<<%s>>>>>>", kids, len(p.pages), pageWidth, pageHeight, fonts, images))
	w.object(fmt.Sprintf("<</Title<FEFF%s>/Producer(radnode)>>", hexUTF16(title)))
	for _, f := range pdfFonts {
		w.object(f.object)
	}
	for _, i := range p.images {
		w.stream(fmt.Sprintf("/Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/DCTDecode", i.width, i.height), i.data)
	}
	for i, page := range p.pages {
		w.object(fmt.Sprintf("<</Type/Page/Parent 2 0 R/Contents %d 0 R>>", firstPage+2*i+1))
		var z bytes.Buffer
		zw := zlib.NewWriter(&z)
		if _, err := zw.Write(page.Bytes()); err != nil {
			return nil, err
		}
		if err := zw.Close(); err != nil {
			return nil, err
		}
		w.stream("/Filter/FlateDecode", z.Bytes())
	}
	return w.finish(), nil
}

func hexUTF16(s string) string {
	out := ""
	for _, u := range utf16.Encode([]rune(s)) {
		out += fmt.Sprintf("%04X", u)
	}
	return out
}

// pdfWriter numbers objects and remembers where they begin.
type pdfWriter struct {
	b       bytes.Buffer
	offsets []int
}

func (w *pdfWriter) object(body string) {
	w.offsets = append(w.offsets, w.b.Len())
	fmt.Fprintf(&w.b, "%d 0 obj\n%s\nendobj\n", len(w.offsets), body)
}

func (w *pdfWriter) stream(dict string, data []byte) {
	w.offsets = append(w.offsets, w.b.Len())
	fmt.Fprintf(&w.b, "%d 0 obj\n<<%s/Length %d>>\nstream\n", len(w.offsets), dict, len(data))
	w.b.Write(data)
	w.b.WriteString("\nendstream\nendobj\n")
}

func (w *pdfWriter) finish() []byte {
	xref := w.b.Len()
	fmt.Fprintf(&w.b, "xref\n0 %d\n0000000000 65535 f \n", len(w.offsets)+1)
	for _, o := range w.offsets {
		fmt.Fprintf(&w.b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&w.b, "trailer\n<</Size %d/Root 1 0 R/Info 3 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(w.offsets)+1, xref)
	return w.b.Bytes()
}
