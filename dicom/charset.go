package dicom

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// codeElement is a coded character set that can stand in G0 or G1 (ISO 2022).
type codeElement struct {
	number string // of the ISO registration, as in "ISO_IR 100"
	escape string // PS3.3 C.12-3, C.12-4: what follows ESC
	g1     bool
	wide   bool   // two bytes a character
	lead   string // put before each pair for the decoder (EUC-JP code set 3)
	decode encoding.Encoding
}

// codeElements are the sets of PS3.3 Tables C.12-2 to C.12-4.
var codeElements = []*codeElement{
	{number: "6", escape: "(B"},
	{number: "100", escape: "-A", g1: true, decode: charmap.ISO8859_1},
	{number: "101", escape: "-B", g1: true, decode: charmap.ISO8859_2},
	{number: "109", escape: "-C", g1: true, decode: charmap.ISO8859_3},
	{number: "110", escape: "-D", g1: true, decode: charmap.ISO8859_4},
	{number: "144", escape: "-L", g1: true, decode: charmap.ISO8859_5},
	{number: "127", escape: "-G", g1: true, decode: charmap.ISO8859_6},
	{number: "126", escape: "-F", g1: true, decode: charmap.ISO8859_7},
	{number: "138", escape: "-H", g1: true, decode: charmap.ISO8859_8},
	{number: "148", escape: "-M", g1: true, decode: charmap.ISO8859_9},
	{number: "203", escape: "-b", g1: true, decode: charmap.ISO8859_15},
	{number: "166", escape: "-T", g1: true, decode: charmap.Windows874},
	{number: "13", escape: ")I", g1: true, decode: japanese.ShiftJIS},
	{number: "14", escape: "(J"}, // JIS X 0201 romaji; belongs to ISO_IR 13
	{number: "87", escape: "$B", wide: true, decode: japanese.EUCJP},
	{number: "159", escape: "$(D", wide: true, lead: "\x8f", decode: japanese.EUCJP},
	{number: "149", escape: "$)C", g1: true, wide: true, decode: korean.EUCKR},
	{number: "58", escape: "$)A", g1: true, wide: true, decode: simplifiedchinese.GBK},
}

func codeElementOf(number string) *codeElement {
	for _, c := range codeElements {
		if c.number == number {
			return c
		}
	}
	return nil
}

// charset is what one Specific Character Set says (PS3.3 C.12.1.1.2).
type charset struct {
	name   string
	whole  encoding.Encoding // multi-byte sets without code extension: GB18030, GBK
	utf8   bool
	g0, g1 *codeElement          // initially
	known  map[*codeElement]bool // declared for code extension
}

var (
	utf8Charset    = &charset{name: "ISO_IR 192", utf8: true}
	defaultCharset = &charset{name: "ISO_IR 6", known: map[*codeElement]bool{}}
)

// parseCharset reads the defined terms tolerantly: real objects write
// "ISO IR 100", "ISO_2022_IR_87" or "UTF-8". Unknown ones are reported to warn.
func parseCharset(terms []string, warn func(format string, args ...any)) *charset {
	if warn == nil {
		warn = func(string, ...any) {}
	}
	c := &charset{name: strings.Join(terms, `\`), known: map[*codeElement]bool{}}
	for i, raw := range terms {
		switch n := charsetNumber(raw); n {
		case "":
		case "192":
			return utf8Charset
		case "GB18030", "GBK":
			c.whole = simplifiedchinese.GB18030
			return c
		default:
			e := codeElementOf(n)
			if e == nil {
				warn("unknown specific character set %q", raw)
				continue
			}
			c.declare(e, i == 0)
		}
	}
	if c.g0 == nil && c.g1 == nil && len(c.known) == 0 {
		return defaultCharset
	}
	return c
}

func (c *charset) declare(e *codeElement, first bool) {
	c.known[e] = true
	if e.number == "13" {
		c.known[codeElementOf("14")] = true
	}
	if !first {
		return
	}
	switch {
	case e.g1:
		c.g1 = e
	case e.number != "6":
		c.g0 = e
	}
}

// termPadding is what devices write differently in defined terms.
var termPadding = strings.NewReplacer("-", "", "_", "", " ", "")

// charsetNumber reduces a defined term to the number of its registration.
func charsetNumber(term string) string {
	s := strings.ToUpper(strings.TrimSpace(term))
	switch termPadding.Replace(s) {
	case "UTF8", "ISOIR192":
		return "192"
	case "GB18030":
		return "GB18030"
	case "GBK", "GB2312":
		return "GBK"
	case "ASCII", "USASCII":
		return "6"
	case "LATIN1", "ISO88591":
		return "100"
	}
	i := len(s)
	for i > 0 && s[i-1] >= '0' && s[i-1] <= '9' {
		i--
	}
	if n := s[i:]; n != "" && strings.HasPrefix(s, "ISO") {
		return n
	}
	return s
}

const esc = 0x1B

// isASCII reports whether s reads the same in every character set.
func isASCII[T string | []byte](s T) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 || s[i] == esc {
			return false
		}
	}
	return true
}

// decode turns a value into UTF-8. The note says what was wrong, "" if nothing.
func (c *charset) decode(b []byte, vr VR) (s, note string) {
	if isASCII(b) {
		return string(b), ""
	}
	switch {
	case c.utf8:
		if utf8.Valid(b) {
			return string(b), ""
		}
		return latin1(b), "text is not UTF-8 as declared; read as ISO 8859-1"
	case c.whole != nil:
		return decodeWhole(c.whole, b, c.name)
	}
	if hasEscape(b) || !c.onlyLatin() {
		return c.decodeExtended(b, vr)
	}
	declared := "without a declared character set"
	if c.name != "" && c.name != defaultCharset.name {
		declared = "declared as " + c.name
	}
	switch {
	case utf8.Valid(b): // by chance no text in ISO 8859-1 is
		return string(b), "text beyond ASCII " + declared + "; read as UTF-8"
	case c.g1 == nil:
		return latin1(b), "text beyond ASCII " + declared + "; read as ISO 8859-1"
	}
	return c.decodeExtended(b, vr)
}

// onlyLatin reports whether nothing but ASCII and ISO 8859-1 is declared: the
// sets that devices name while they write UTF-8.
func (c *charset) onlyLatin() bool {
	for e := range c.known {
		if e.number != "6" && e.number != "100" {
			return false
		}
	}
	return true
}

func hasEscape(b []byte) bool { return strings.IndexByte(string(b), esc) >= 0 }

func decodeWhole(e encoding.Encoding, b []byte, name string) (s, note string) {
	out, err := e.NewDecoder().Bytes(b)
	if err != nil || strings.ContainsRune(string(out), utf8.RuneError) {
		if utf8.Valid(b) {
			return string(b), "text is not in " + name + " as declared; read as UTF-8"
		}
		note = "text is not in " + name + " as declared; some characters are lost"
	}
	return strings.ToValidUTF8(string(out), string(utf8.RuneError)), note
}

// decodeExtended decodes a value with code extension (PS3.5 6.1.2.5).
func (c *charset) decodeExtended(b []byte, vr VR) (string, string) {
	x := extended{charset: c, g0: c.g0, g1: c.g1}
	kind := vr.kind()
	for i := 0; i < len(b); {
		ch := b[i]
		if ch == esc {
			i += x.escape(b[i+1:]) + 1
			continue
		}
		if x.isDelimiter(ch, vr, kind.single) {
			// PS3.5 6.1.2.5.3: the initial sets hold again after a delimiter.
			x.flush()
			x.out.WriteByte(ch)
			x.g0, x.g1 = c.g0, c.g1
			i++
			continue
		}
		i += x.take(b[i:])
	}
	x.flush()
	return x.out.String(), x.note
}

// extended is the state of decoding one value.
type extended struct {
	*charset
	g0, g1 *codeElement
	run    []byte       // bytes waiting for one decoder
	by     *codeElement // their set
	out    strings.Builder
	note   string
}

// isDelimiter tells control characters and separators from halves of a wide
// character.
func (x *extended) isDelimiter(ch byte, vr VR, single bool) bool {
	switch ch {
	case '\n', '\r', '\f', '\t':
		return true
	}
	if x.g0 != nil && x.g0.wide {
		return false
	}
	return ch == '\\' && !single || vr == PN && (ch == '^' || ch == '=')
}

// escape reads an escape sequence behind ESC and returns its length.
func (x *extended) escape(b []byte) int {
	for _, e := range codeElements {
		if !strings.HasPrefix(string(b[:min(len(b), 4)]), e.escape) {
			continue
		}
		x.flush()
		if len(x.known) > 0 && !x.known[e] && e.number != "6" {
			x.note = "escape sequence of ISO_IR " + e.number + ", which is not declared"
		}
		if e.g1 {
			x.g1 = e
		} else {
			x.g0 = e
		}
		return len(e.escape)
	}
	x.note = "unknown escape sequence in text"
	return 0
}

// take moves the character at the start of b to the run of its decoder and
// returns its length.
func (x *extended) take(b []byte) int {
	set, n := x.g0, 1
	if b[0] >= 0x80 {
		set = x.g1
	}
	if b[0] <= 0x20 {
		set = nil
	}
	if set != nil && set.wide {
		if n = 2; len(b) < 2 {
			x.note, set, n = "text ends within a character", nil, 1
		}
	}
	if set != x.by {
		x.flush()
		x.by = set
	}
	if set != nil && set.wide {
		x.run = append(append(x.run, set.lead...), b[0]|0x80, b[1]|0x80)
	} else {
		x.run = append(x.run, b[0])
	}
	return n
}

func (x *extended) flush() {
	if len(x.run) == 0 {
		return
	}
	if x.by == nil || x.by.decode == nil {
		if !isASCII(x.run) {
			x.note = "text holds characters outside its declared character set; read as ISO 8859-1"
		}
		x.out.WriteString(latin1(x.run))
	} else {
		out, err := x.by.decode.NewDecoder().Bytes(x.run)
		if err != nil || strings.ContainsRune(string(out), utf8.RuneError) {
			x.note = "text is not in ISO_IR " + x.by.number + " as declared; some characters are lost"
		}
		x.out.WriteString(strings.ToValidUTF8(string(out), string(utf8.RuneError)))
	}
	x.run = x.run[:0]
}

// latin1 reads each byte as the character of that number.
func latin1(b []byte) string {
	if isASCII(b) {
		return string(b)
	}
	var s strings.Builder
	for _, c := range b {
		s.WriteRune(rune(c))
	}
	return s.String()
}
