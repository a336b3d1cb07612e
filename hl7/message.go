package hl7

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/radnode/radnode"
)

// Value is a field as it stands in a message: separators are separators.
type Value string

// Segment is one segment; Fields[0] is field 1. Of MSH it is MSH-3: the first
// two hold the separators, which are always | and ^~\&.
type Segment struct {
	Name   string
	Fields []Value
}

// Message is a list of segments, MSH first.
type Message []Segment

// Field returns field n of the first segment with this name, "" where there is
// none. MSH counts as the standard does: MSH-3 is field 3.
func (m Message) Field(segment string, n int) Value {
	for _, s := range m {
		if s.Name == segment {
			return s.Field(n)
		}
	}
	return ""
}

// Field returns field n.
func (s Segment) Field(n int) Value {
	if s.Name == "MSH" {
		n -= 2
	}
	if n < 1 || n > len(s.Fields) {
		return ""
	}
	return s.Fields[n-1]
}

const separators = `|^~\&`

// escapes are the sequences of 2.7.1 for the separators.
var escapes = strings.NewReplacer(`|`, `\F\`, `^`, `\S\`, `&`, `\T\`, `~`, `\R\`, `\`, `\E\`)

var unescapes = map[string]string{"F": "|", "S": "^", "T": "&", "R": "~", "E": `\`, ".br": "\n"}

// Escape writes plain text as the content of one component (2.7). A control
// character, which could end a segment or the frame, becomes a hexadecimal
// sequence.
func Escape(s string) string {
	s = escapes.Replace(strings.ToValidUTF8(s, "?"))
	if strings.IndexFunc(s, isControl) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if isControl(r) {
			for _, c := range utf8.AppendRune(nil, r) {
				fmt.Fprintf(&b, `\X%02X\`, c)
			}
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func isControl(r rune) bool {
	return r < ' ' || r >= 0x7F && r < 0xA0 || r == '\u2028' || r == '\u2029'
}

// Unescape reads what Escape wrote. A sequence that is not known stays as it
// is.
func Unescape(s string) string {
	parts := strings.Split(s, `\`)
	if len(parts) < 3 {
		return s
	}
	var b strings.Builder
	b.WriteString(parts[0])
	for i := 1; i < len(parts); i++ {
		sequence := parts[i]
		last := i == len(parts)-1
		switch text, known := unescapes[sequence]; {
		case last:
			b.WriteString(`\` + sequence)
			continue
		case known:
			b.WriteString(text)
		case strings.HasPrefix(sequence, "X") && hexadecimal(&b, sequence[1:]):
		default:
			b.WriteString(`\` + sequence)
			continue // the backslash may begin another one
		}
		i++
		b.WriteString(parts[i])
	}
	return b.String()
}

func hexadecimal(b *strings.Builder, digits string) bool {
	var raw []byte
	if n, err := fmt.Sscanf(digits, "%x", &raw); n != 1 || err != nil || 2*len(raw) != len(digits) {
		return false
	}
	b.Write(raw)
	return true
}

// Text is plain text as a field of one component.
func Text(s string) Value { return Value(Escape(s)) }

// Lines is text of several lines as formatted text (FT, 2.7.6).
func Lines(s string) Value {
	lines := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	for i, l := range lines {
		lines[i] = Escape(l)
	}
	return Value(strings.Join(lines, `\.br\`))
}

// Components is a field of several components, without empty ones at the end.
func Components(parts ...string) Value {
	for i, p := range parts {
		parts[i] = Escape(p)
	}
	return Value(strings.TrimRight(strings.Join(parts, "^"), "^"))
}

// Repetitions is a field that repeats.
func Repetitions(values ...Value) Value {
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = string(v)
	}
	return Value(strings.Join(list, "~"))
}

// Component returns component n (from 1) of the first repetition, as text.
func (v Value) Component(n int) string {
	first, _, _ := strings.Cut(string(v), "~")
	parts := strings.Split(first, "^")
	if n < 1 || n > len(parts) {
		return ""
	}
	return Unescape(parts[n-1])
}

// Encode writes the message. Each segment ends with CR (2.5.4).
func (m Message) Encode() []byte {
	var b bytes.Buffer
	for _, s := range m {
		b.WriteString(s.Name)
		n := len(s.Fields)
		for n > 0 && s.Fields[n-1] == "" {
			n--
		}
		if s.Name == "MSH" {
			b.WriteString(separators)
		}
		for _, f := range s.Fields[:n] {
			b.WriteByte('|')
			b.WriteString(string(f))
		}
		b.WriteByte('\r')
	}
	return b.Bytes()
}

// maxSegments bounds a message that is read.
const maxSegments = 1000

// Parse reads a message with the usual separators. Line ends other than CR are
// taken too: some senders cannot do without.
func Parse(b []byte) (Message, error) {
	const op = "read HL7 message"
	text := strings.NewReplacer("\r\n", "\r", "\n", "\r").Replace(string(b))
	if !strings.HasPrefix(text, "MSH"+separators) {
		return nil, radnode.Errorf(radnode.Invalid, op, "the message does not begin with MSH and the usual separators")
	}
	var m Message
	for line := range strings.SplitSeq(text, "\r") {
		if line == "" {
			continue
		}
		if len(m) == maxSegments {
			return nil, radnode.Errorf(radnode.TooLarge, op, "the message has more than %d segments", maxSegments)
		}
		name, rest, _ := strings.Cut(line, "|")
		if name == "MSH" {
			_, rest, _ = strings.Cut(rest, "|")
		}
		if len(name) != 3 {
			return nil, radnode.Errorf(radnode.Invalid, op, "segment %d has no name of three characters", len(m)+1)
		}
		s := Segment{Name: name}
		for f := range strings.SplitSeq(rest, "|") {
			s.Fields = append(s.Fields, Value(f))
		}
		m = append(m, s)
	}
	return m, nil
}
