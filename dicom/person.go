package dicom

import "strings"

// PersonName is a PN value: up to three groups that write the same name
// (PS3.5 6.2.1.1).
type PersonName struct {
	Alphabetic  NameGroup
	Ideographic NameGroup
	Phonetic    NameGroup
}

// NameGroup holds the five components of a name.
type NameGroup struct {
	Family, Given, Middle, Prefix, Suffix string
}

// ParsePersonName reads a PN value; it accepts everything.
func ParsePersonName(s string) PersonName {
	var p PersonName
	for i, g := range strings.SplitN(s, "=", 3) {
		*[]*NameGroup{&p.Alphabetic, &p.Ideographic, &p.Phonetic}[i] = parseNameGroup(g)
	}
	return p
}

func parseNameGroup(s string) NameGroup {
	var g NameGroup
	for i, c := range strings.SplitN(s, "^", 5) {
		*[]*string{&g.Family, &g.Given, &g.Middle, &g.Prefix, &g.Suffix}[i] = strings.TrimSpace(c)
	}
	return g
}

// String returns the PN value, without empty components and groups at the end.
func (p PersonName) String() string {
	return strings.TrimRight(p.Alphabetic.String()+"="+p.Ideographic.String()+"="+p.Phonetic.String(), "=")
}

// String returns the group as in a PN value.
func (g NameGroup) String() string {
	return strings.TrimRight(strings.Join([]string{g.Family, g.Given, g.Middle, g.Prefix, g.Suffix}, "^"), "^")
}

// Display returns the name as a person reads it: "Dr. Anna Maria Smith, MD",
// and the family name first in the ideographic and phonetic groups.
func (p PersonName) Display() string {
	a := p.Alphabetic
	s := joinNonEmpty(" ", a.Prefix, a.Given, a.Middle, a.Family)
	if a.Suffix != "" {
		s += ", " + a.Suffix
	}
	var others []string
	for _, g := range []NameGroup{p.Ideographic, p.Phonetic} {
		if o := joinNonEmpty(" ", g.Prefix, g.Family, g.Given, g.Middle, g.Suffix); o != "" {
			others = append(others, o)
		}
	}
	if len(others) == 0 {
		return s
	}
	if s == "" {
		return strings.Join(others, " / ")
	}
	return s + " (" + strings.Join(others, " / ") + ")"
}

func joinNonEmpty(sep string, parts ...string) string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, sep)
}

// PersonName returns the first value of t as a name.
func (d *Dataset) PersonName(t Tag) PersonName { return ParsePersonName(d.Text(t)) }
