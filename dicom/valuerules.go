package dicom

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/radnode/radnode"
)

// textRule is what PS3.5 Table 6.2-1 demands of one value.
type textRule struct {
	max     int // characters; 0: no limit but the length field
	charset string
	check   func(string) bool
}

const (
	digits    = "0123456789"
	upper     = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	dateTimes = digits + "+-."
)

// textRules are the rules by VR.
var textRules = map[VR]textRule{
	AE: {max: 16},
	AS: {max: 4, check: validAge},
	CS: {max: 16, charset: upper + digits + " _"},
	DA: {max: 8, charset: digits, check: validDate},
	DS: {max: 16, charset: digits + "+-Ee. "},
	DT: {max: 26, charset: dateTimes, check: func(s string) bool { return validDateTime(s) }},
	IS: {max: 12, charset: digits + "+- "},
	LO: {max: 64}, LT: {max: 10240}, SH: {max: 16}, ST: {max: 1024},
	PN: {check: validName},
	TM: {max: 14, charset: digits + ".", check: validTime},
	UI: {max: 64, check: func(s string) bool { return radnode.UID(s).Valid() }},
}

// ValueProblem says which rule of its VR one value breaks (PS3.5 6.2), or "".
// An empty value breaks none.
func ValueProblem(vr VR, v string) string {
	r, ok := textRules[vr]
	if !ok || v == "" {
		return ""
	}
	if n := utf8.RuneCountInString(v); r.max > 0 && n > r.max {
		return fmt.Sprintf("%d characters are more than the %d of VR %s", n, r.max, vr)
	}
	if r.charset != "" && strings.Trim(v, r.charset) != "" {
		return "characters that VR " + string(vr) + " does not allow"
	}
	if strings.ContainsFunc(v, func(c rune) bool { return c < ' ' && !(vr.kind().single && strings.ContainsRune("\t\n\f\r", c)) }) {
		return "control characters in VR " + string(vr)
	}
	if r.check != nil && !r.check(v) {
		return "no valid value of VR " + string(vr)
	}
	return ""
}

func validAge(s string) bool {
	return len(s) == 4 && strings.Trim(s[:3], digits) == "" && strings.ContainsRune("DWMY", rune(s[3]))
}

// validDate reports whether s is a day of the Gregorian calendar, which began
// in 1582.
func validDate(s string) bool {
	_, err := time.Parse("20060102", s)
	return err == nil && s >= "1582"
}

func validTime(s string) bool {
	whole, fraction, dot := strings.Cut(s, ".")
	if dot && (len(whole) != 6 || fraction == "" || len(fraction) > 6 || strings.Trim(fraction, digits) != "") {
		return false
	}
	switch len(whole) {
	case 2:
		return whole <= "23"
	case 4:
		return whole[:2] <= "23" && whole[2:] <= "59"
	case 6:
		return whole[:2] <= "23" && whole[2:4] <= "59" && whole[4:] <= "60" // a leap second
	}
	return false
}

func validDateTime(s string) bool {
	if i := strings.LastIndexAny(s, "+-"); i > 0 {
		zone := s[i+1:]
		if len(zone) != 4 || !validTime(zone) {
			return false
		}
		s = s[:i]
	}
	if len(s) > 8 {
		return validDate(s[:8]) && validTime(s[8:])
	}
	layout := "20060102"
	if len(s) != 4 && len(s) != 6 && len(s) != 8 {
		return false
	}
	_, err := time.Parse(layout[:len(s)], s)
	return err == nil
}

// validName checks three groups of 64 characters with five components each
// (PS3.5 6.2.1.1).
func validName(s string) bool {
	groups := strings.Split(s, "=")
	for _, g := range groups {
		if utf8.RuneCountInString(g) > 64 || strings.Count(g, "^") > 4 {
			return false
		}
	}
	return len(groups) <= 3
}
