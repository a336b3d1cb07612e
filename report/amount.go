package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/radnode/radnode"
)

// unitSigns are how readers write units of UCUM.
var unitSigns = map[string]string{"mm2": "mm²", "cm2": "cm²", "deg": "°"}

// Amount is a measured value with its unit, in words.
func Amount(m radnode.Measurement) string {
	switch {
	case strings.HasSuffix(m.Name, "ratio"):
		return fmt.Sprintf("%.2f", m.Value)
	case m.Unit == "1":
		return number(m.Value)
	case m.Unit == "deg":
		return number(m.Value) + unitSigns[m.Unit]
	}
	sign, known := unitSigns[m.Unit]
	if !known {
		sign = strings.Trim(m.Unit, "{}")
	}
	return number(m.Value) + " " + sign
}

// number writes four digits, never as a power of ten; whole numbers beyond them.
func number(f float64) string {
	if math.Abs(f) >= 1000 {
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
	short, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 4, 64), 64)
	return strconv.FormatFloat(short, 'f', -1, 64)
}

// measured names what was measured and tells the amount.
func (p phrases) measured(m radnode.Measurement) string {
	name, known := p.measurements[m.Name]
	if !known {
		name = strings.ReplaceAll(m.Name, "_", " ")
	}
	return name + " " + p.amount(m)
}

// amount is Amount in the words of a language.
func (p phrases) amount(m radnode.Measurement) string {
	if m.Unit == "{pixels}" {
		return number(m.Value) + " " + p.pixels
	}
	return Amount(m)
}
