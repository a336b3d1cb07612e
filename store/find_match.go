package store

import (
	"slices"
	"strconv"
	"strings"

	"github.com/radnode/radnode"
)

// matcher compares one value of an attribute with a key.
type matcher func(value string) bool

// maxKeyValues bounds the values of one key: SQLite takes 32766 arguments.
const maxKeyValues = 10_000

// compile makes the matcher for the values of a key; nil is universal
// matching (PS3.4 C.2.2.2.3).
func compile(m Matching, values []string, fuzzy bool) (matcher, error) {
	if universal(values) {
		return nil, nil
	}
	if len(values) > maxKeyValues {
		return nil, radnode.Errorf(radnode.Invalid, "query", "a key has more than %d values", maxKeyValues)
	}
	switch m {
	case MatchUID:
		return anyOf(values, func(key string) (matcher, error) { return equal(key), nil })
	case MatchText:
		return anyOf(values, textMatcher)
	case MatchName:
		return anyOf(values, func(key string) (matcher, error) { return nameMatcher(key, fuzzy), nil })
	case MatchDate:
		return anyOf(values, func(key string) (matcher, error) { return dateMatcher(key) })
	case MatchTime:
		return anyOf(values, func(key string) (matcher, error) { return timeMatcher(key) })
	case MatchDateTime:
		return anyOf(values, instantMatcher)
	case MatchNumber:
		return anyOf(values, numberMatcher)
	}
	return nil, nil
}

// universal reports whether a key selects everything: it is empty, or a wild
// card alone.
func universal(values []string) bool {
	return len(values) == 0 || len(values) == 1 && (values[0] == "" || values[0] == "*")
}

// anyOf is a list: each value of it may match.
func anyOf(values []string, one func(string) (matcher, error)) (matcher, error) {
	if len(values) == 1 {
		return one(values[0])
	}
	list := make([]matcher, len(values))
	for i, v := range values {
		var err error
		if list[i], err = one(v); err != nil {
			return nil, err
		}
	}
	return func(value string) bool {
		return slices.ContainsFunc(list, func(m matcher) bool { return m(value) })
	}, nil
}

func equal(key string) matcher { return func(value string) bool { return value == key } }

// hasWildcard reports whether a text key holds a wild card (PS3.4 C.2.2.2.4).
func hasWildcard(key string) bool { return strings.ContainsAny(key, "*?") }

func textMatcher(key string) (matcher, error) {
	if !hasWildcard(key) {
		return equal(key), nil
	}
	pattern := []rune(key)
	return func(value string) bool { return wildcard(pattern, []rune(value)) }, nil
}

// wildcard matches a text with a pattern of "*" (any run, also none) and "?"
// (one character). It goes back only to the last "*" it met, which is enough
// and takes no more than the product of the lengths.
func wildcard(pattern, text []rune) bool {
	p, t := 0, 0
	star, mark := -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// numberMatcher compares numbers, not their texts: "01" is 1.
func numberMatcher(key string) (matcher, error) {
	wanted, err := strconv.ParseFloat(strings.TrimSpace(key), 64)
	if err != nil {
		return nil, radnode.Errorf(radnode.Invalid, "query", "a key of a number holds no number")
	}
	return func(value string) bool {
		n, err := strconv.ParseFloat(value, 64)
		return err == nil && n == wanted
	}, nil
}

// asciiPrefix is the part of a pattern before its first wild card or its first
// character beyond ASCII: what an index in byte order can look for.
func asciiPrefix(pattern string) string {
	for i := range len(pattern) {
		if c := pattern[i]; c == '*' || c == '?' || c >= 0x7f {
			return pattern[:i]
		}
	}
	return pattern
}

// after is the first text in byte order that does not begin with an ASCII
// prefix.
func after(prefix string) string {
	return prefix[:len(prefix)-1] + string(rune(prefix[len(prefix)-1]+1))
}
