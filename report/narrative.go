package report

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/radnode/radnode"
)

// phrases are the words of one language that a narrative is put together from.
type phrases struct {
	name         func(radnode.Finding) string
	absent       string // %s: the finding that a reader ruled out
	none         string // nothing was accepted or added
	nothing      string // impression without a positive finding
	stop         string
	separator    string
	pixels       string
	measurements map[string]string
}

// languages are the languages a narrative can be composed in.
var languages = map[string]phrases{
	"en": {
		name: func(f radnode.Finding) string {
			if t, ok := termOf(f); ok {
				return t.English
			}
			if f.Code != nil && f.Code.Meaning != "" {
				return f.Code.Meaning
			}
			return strings.ReplaceAll(f.Label, "_", " ")
		},
		absent: "no evidence of %s", none: "The reader stated no finding.", nothing: "No finding stated.", stop: ".", separator: ", ", pixels: "pixels",
		measurements: map[string]string{"length": "length", "area": "area", "angle": "angle", "ratio": "ratio", "cardiothoracic_ratio": "cardiothoracic ratio"},
	},
	"zh": {
		name: func(f radnode.Finding) string {
			if t, ok := termOf(f); ok {
				return t.Chinese
			}
			if f.Code != nil && f.Code.Meaning != "" {
				return f.Code.Meaning
			}
			return strings.ReplaceAll(f.Label, "_", " ")
		},
		absent: "未见%s征象", none: "医师未陈述任何所见。", nothing: "未陈述异常所见。", stop: "。", separator: "，", pixels: "像素",
		measurements: map[string]string{"length": "长度", "area": "面积", "angle": "角度", "ratio": "比值", "cardiothoracic_ratio": "心胸比"},
	},
}

// termOf finds the term of a finding by its code, else by its label.
func termOf(f radnode.Finding) (radnode.Term, bool) {
	if f.Code != nil {
		if t, ok := TermOfCode(*f.Code); ok {
			return t, true
		}
	}
	return TermOf(f.Label)
}

// Narrative composes findings and impression from the reader's decisions. What
// nobody accepted or added is not in it, and nothing is called normal: that no
// finding was stated is all that is known.
func Narrative(findings []radnode.ReportFinding, language string) (text, impression string, err error) {
	p, ok := languages[language]
	if !ok {
		return "", "", radnode.Errorf(radnode.Unsupported, "compose narrative", "there are templates in en and zh, not in %.10q", language)
	}
	var lines, positive []string
	for _, f := range findings {
		stated := f.Stated()
		if f.Decision != radnode.Accepted || stated.Code == nil {
			continue
		}
		lines = append(lines, p.line(f))
		if name := capital(p.name(stated)); stated.Present && !(f.Reading == nil && f.Finding.IsNumber()) && !slices.Contains(positive, name) {
			positive = append(positive, name)
		}
	}
	if len(lines) == 0 {
		lines = []string{p.none}
	}
	impression = p.nothing
	if len(positive) == 1 {
		impression = positive[0] + p.stop
	} else if len(positive) > 1 {
		for i, name := range positive {
			positive[i] = fmt.Sprintf("%d. %s%s", i+1, name, p.stop)
		}
		impression = strings.Join(positive, "\n")
	}
	return strings.Join(lines, "\n"), impression, nil
}

// line tells one finding: its name, what was measured, the reader's words.
func (p phrases) line(f radnode.ReportFinding) string {
	stated := f.Stated()
	head := p.name(stated)
	if !stated.Present {
		head = fmt.Sprintf(p.absent, head)
	}
	line := capital(head)
	if f.Reading == nil && f.Finding.IsNumber() {
		return line + p.separator + p.amount(*f.Finding.Measurement) + p.stop
	}
	if f.Reading == nil {
		return line + p.stop
	}
	if m := f.Reading.Measurement; m != nil {
		line += p.separator + p.measured(*m)
	}
	if text := strings.TrimSpace(f.Reading.Text); text != "" {
		line += p.separator + strings.TrimRight(text, ".。 ")
	}
	return line + p.stop
}

// capital writes the first letter large, where there is such a thing.
func capital(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:]
}
