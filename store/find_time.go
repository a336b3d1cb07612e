package store

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/radnode/radnode"
)

// errRange refuses a key that is no date or time.
func errRange(what string) error {
	return radnode.Errorf(radnode.Invalid, "query", "a key is neither a %s nor a range of them", what)
}

// cutRange splits "a-b", "a-", "-b" and "a", which is the range of itself
// (PS3.4 C.2.2.2.5).
func cutRange(key string) (from, to string) {
	from, to, ranged := strings.Cut(strings.TrimSpace(key), "-")
	if !ranged {
		return from, from
	}
	return strings.TrimSpace(from), strings.TrimSpace(to)
}

// dateRange is the range of a key of VR DA as YYYYMMDD; "" is open.
func dateRange(key string) (from, to string, err error) {
	from, to = cutRange(key)
	for _, d := range []*string{&from, &to} {
		// ACR-NEMA wrote YYYY.MM.DD (PS3.5 6.2).
		*d = strings.ReplaceAll(*d, ".", "")
		if _, wrong := time.Parse("20060102", *d); *d != "" && wrong != nil {
			return "", "", errRange("date")
		}
	}
	return from, to, nil
}

func dateMatcher(key string) (matcher, error) {
	from, to, err := dateRange(key)
	if err != nil {
		return nil, err
	}
	return func(value string) bool {
		v := strings.ReplaceAll(value, ".", "")
		return len(v) == 8 && (from == "" || v >= from) && (to == "" || v <= to)
	}, nil
}

const day = 24 * time.Hour

// timeSpan is what a TM value of any precision covers: "10" the whole hour.
func timeSpan(value string) (from, to time.Duration, ok bool) {
	v := strings.ReplaceAll(value, ":", "")
	whole, fraction, _ := strings.Cut(v, ".")
	if len(whole) == 0 || len(whole) > 6 || len(whole)%2 == 1 || len(fraction) > 6 || fraction != "" && len(whole) < 6 {
		return 0, 0, false
	}
	unit := day
	limits := [3]int{23, 59, 60} // 60: a leap second
	units := [3]time.Duration{time.Hour, time.Minute, time.Second}
	for i := range len(whole) / 2 {
		n, err := strconv.ParseUint(whole[2*i:2*i+2], 10, 8)
		if err != nil || int(n) > limits[i] {
			return 0, 0, false
		}
		unit = units[i]
		from += time.Duration(n) * unit //nolint:gosec // at most 60
	}
	if fraction != "" {
		n, err := strconv.ParseUint(fraction, 10, 32)
		if err != nil {
			return 0, 0, false
		}
		for range len(fraction) {
			unit /= 10
		}
		from += time.Duration(n) * unit //nolint:gosec // below a second
	}
	return from, from + unit - 1, true
}

// timeRange is the range of a key of VR TM.
func timeRange(key string) (from, to time.Duration, err error) {
	first, last := cutRange(key)
	to = day
	ok := true
	if first != "" {
		from, _, ok = timeSpan(first)
	}
	if last != "" && ok {
		_, to, ok = timeSpan(last)
	}
	if !ok || first == "" && last == "" {
		return 0, 0, errRange("time")
	}
	return from, to, nil
}

// timeMatcher compares times of day. A range whose end is before its begin
// goes over midnight.
func timeMatcher(key string) (matcher, error) {
	from, to, err := timeRange(key)
	if err != nil {
		return nil, err
	}
	return func(value string) bool {
		first, last, ok := timeSpan(value)
		if from > to {
			return ok && (last >= from || first <= to)
		}
		return ok && last >= from && first <= to
	}, nil
}

// moment is a date and a time of day in one place on earth.
func moment(date, clock string, zone *time.Location) (first, last time.Time, ok bool) {
	d, err := time.ParseInLocation("20060102", strings.ReplaceAll(date, ".", ""), zone)
	if err != nil {
		return first, last, false
	}
	from, to := time.Duration(0), day-1
	if clock != "" {
		if from, to, ok = timeSpan(clock); !ok {
			return first, last, false
		}
	}
	return d.Add(from), d.Add(to), true
}

// combined is combined date-time matching (PS3.4 C.2.2.2.5.3): date and time
// keys together are one range of moments.
func combined(dateKey, timeKey string, theirs, ours *time.Location) (func(date, clock string) bool, error) {
	fromDate, toDate, err := dateRange(dateKey)
	if err != nil {
		return nil, err
	}
	fromTime, toTime := cutRange(timeKey)
	if _, _, err := timeRange(timeKey); err != nil {
		return nil, err
	}
	var from, to time.Time
	ok := true
	if fromDate != "" {
		from, _, ok = moment(fromDate, fromTime, theirs)
	}
	if toDate != "" && ok {
		_, to, ok = moment(toDate, toTime, theirs)
	}
	if !ok {
		return nil, errRange("time")
	}
	return func(date, clock string) bool {
		first, last, ok := moment(date, clock, ours)
		return ok && (from.IsZero() || !last.Before(from)) && (to.IsZero() || !first.After(to))
	}, nil
}

// parseZone reads Timezone Offset From UTC (0008,0201): &ZZXX.
func parseZone(s string) (*time.Location, error) {
	t, err := time.Parse("-0700", s)
	if err != nil || len(s) != 5 {
		return nil, radnode.Errorf(radnode.Invalid, "query", "the time zone offset of the key is not of the form +hhmm")
	}
	_, offset := t.Zone()
	return time.FixedZone(s, offset), nil
}

// moveTo turns date and time from one zone to another, as precise as they are.
func moveTo(date, clock string, from, to *time.Location) (string, string) {
	first, _, ok := moment(date, clock, from)
	if !ok || clock == "" {
		return date, clock
	}
	moved := first.In(to)
	text := moved.Format("150405")
	digits := strings.ReplaceAll(clock, ":", "")
	if n := len(digits); n < len(text) {
		text = text[:n]
	} else if n > len(text) {
		text += fmt.Sprintf(".%06d", moved.Nanosecond()/1000)[:n-len(text)]
	}
	return moved.Format("20060102"), text
}

// instantMatcher compares values of DT (PS3.4 C.2.2.2.5.3): what a value or
// bound leaves out is the whole of that unit. Offsets from UTC count where both
// have one.
func instantMatcher(key string) (matcher, error) {
	from, to, err := instants(key)
	if err != nil {
		return nil, err
	}
	return func(value string) bool {
		v, ok := instant(value, firstInstant)
		return ok && value != "" && from <= v && v <= to
	}, nil
}

// The bounds that complete a date and time.
const (
	firstInstant = "00010101000000.000000"
	lastInstant  = "99991231235959.999999"
)

// instants are the bounds of a key. A minus sign separates two values or begins
// the offset of one: the key is one value where it can be.
func instants(key string) (from, to string, err error) {
	from, ok := instant(key, firstInstant)
	if to, _ = instant(key, lastInstant); ok {
		return from, to, nil
	}
	for i, c := range key {
		if c != '-' {
			continue
		}
		from, ok1 := instant(key[:i], firstInstant)
		to, ok2 := instant(key[i+1:], lastInstant)
		if ok1 && ok2 {
			return from, to, nil
		}
	}
	return "", "", radnode.Errorf(radnode.Invalid, "query", "a date and time is YYYYMMDDHHMMSS.FFFFFF&ZZXX, from the left as far as known, or two with a minus sign between them")
}

// instant completes a date and time (PS3.5 6.2, DT) with what fill has at the
// places that it leaves out, and moves it to UTC where it names an offset.
func instant(text, fill string) (string, bool) {
	zone := ""
	if i := strings.IndexAny(text, "+-"); i >= 4 {
		text, zone = text[:i], text[i:]
	}
	if len(text) > len(fill) || len(text) > 14 && text[14] != '.' || strings.Trim(strings.Replace(text, ".", "", 1), "0123456789") != "" {
		return "", false
	}
	full := text + fill[len(text):]
	if zone == "" {
		return full, true
	}
	at, err := time.Parse("20060102150405.000000-0700", full+zone)
	if n, _ := strconv.Atoi(zone); err != nil || n < -1200 || n > 1400 {
		return "", false
	}
	return at.UTC().Format("20060102150405.000000"), true
}
