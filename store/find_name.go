package store

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Person names are compared without regard to case; trailing empty components
// and the padding of components do not count (PS3.5 6.2.1). A key of one group
// is compared with each group of a name; one that begins with an ASCII letter
// looks at the alphabetic group alone, so that the index can serve it.

// foldName brings a name or key to the form in which names are compared.
func foldName(s string) string {
	groups := strings.Split(strings.ToLower(s), "=")
	for i, g := range groups {
		parts := strings.Split(g, "^")
		for j := range parts {
			parts[j] = strings.TrimSpace(parts[j])
		}
		groups[i] = strings.TrimRight(strings.Join(parts, "^"), "^")
	}
	return strings.TrimRight(strings.Join(groups, "="), "=")
}

// nameMatcher compares person names.
func nameMatcher(key string, fuzzy bool) matcher {
	if fuzzy {
		return fuzzyMatcher(key)
	}
	folded := foldName(key)
	if strings.Contains(folded, "=") {
		return groupsMatcher(strings.Split(folded, "="))
	}
	same, first := groupMatcher(folded), alphabetic(folded)
	return func(value string) bool {
		for i, g := range strings.Split(foldName(value), "=") {
			if same(g) {
				return true
			}
			if i == 0 && first {
				return false
			}
		}
		return false
	}
}

// groupsMatcher compares group by group; one that is empty in the key is
// anything (PS3.4 C.2.2.2.3).
func groupsMatcher(keys []string) matcher {
	same := make([]matcher, len(keys))
	for i, k := range keys {
		same[i] = groupMatcher(k)
	}
	return func(value string) bool {
		groups := strings.Split(foldName(value), "=")
		for i, k := range keys {
			have := ""
			if i < len(groups) {
				have = groups[i]
			}
			if k != "" && !same[i](have) {
				return false
			}
		}
		return true
	}
}

// groupMatcher compares one group with that of a key.
func groupMatcher(key string) matcher {
	if !hasWildcard(key) {
		return func(g string) bool { return g == key }
	}
	pattern := []rune(key)
	return func(g string) bool {
		// "DOE^*" finds a name without given name too.
		return wildcard(pattern, []rune(g)) || wildcard(pattern, []rune(g+strings.Repeat("^", max(0, 4-strings.Count(g, "^")))))
	}
}

// alphabetic reports whether a key is about the alphabetic group alone.
func alphabetic(key string) bool {
	return key != "" && key[0] < 0x7f && key[0] != '*' && key[0] != '?' && key[0] != '='
}

// namePrefix is what the alphabetic group of every name begins with that
// matches a key, in lower case; "" if nothing can be said.
func namePrefix(key string) string {
	folded := foldName(key)
	if !alphabetic(folded) {
		return ""
	}
	prefix, _, _ := strings.Cut(asciiPrefix(folded), "=")
	// Padding inside a stored name would follow here: only the first component
	// is certain.
	prefix, _, _ = strings.Cut(prefix, "^")
	return strings.TrimRight(prefix, " ")
}

// fuzzyMatcher is fuzzy semantic matching (PS3.4 C.2.2.2.1.2, left to the
// provider): every word of the key must be like some word of the name, in any
// order and component. Words are alike without accents and case when one
// begins with the other's whole text, or when they differ in one letter (two
// from eight letters on).
func fuzzyMatcher(key string) matcher {
	wanted := nameWords(key)
	return func(value string) bool {
		words := nameWords(value)
		for _, w := range wanted {
			found := false
			for _, have := range words {
				found = found || like(w, have)
			}
			if !found {
				return false
			}
		}
		return true
	}
}

// nameWords are the words of a name without accents, in lower case.
func nameWords(s string) [][]rune {
	var words [][]rune
	for _, w := range strings.FieldsFunc(strings.ToLower(norm.NFD.String(s)), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r)
	}) {
		var word []rune
		for _, r := range w {
			if !unicode.Is(unicode.Mn, r) {
				word = append(word, r)
			}
		}
		words = append(words, word)
	}
	return words
}

func like(key, word []rune) bool {
	if strings.HasPrefix(string(word), string(key)) {
		return true
	}
	allowed := 0
	switch {
	case len(key) >= 8:
		allowed = 2
	case len(key) >= 4:
		allowed = 1
	}
	return allowed > 0 && distance(key, word) <= allowed
}

// maxWord bounds the words that are compared letter by letter.
const maxWord = 64

// distance is the number of letters to insert, remove or change (Levenshtein).
func distance(a, b []rune) int {
	if len(a) > maxWord || len(b) > maxWord {
		return maxWord
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j, y := range b {
			change := diagonal
			if x != y {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
