package workflow

import (
	"errors"
	"strings"
	"unicode"

	"github.com/radnode/radnode"
)

// Said adds the words of a destination to the reason that it refuses an object
// for. They may name the patient: the page of the delivery shows them, neither
// log nor audit trail holds them.
func Said(err error, words string) error {
	words = strings.Join(strings.FieldsFunc(words, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if words == "" || err == nil {
		return err
	}
	if all := []rune(words); len(all) > maxWords {
		words = string(all[:maxWords]) + "…"
	}
	return said{err, words}
}

// maxWords is how many characters of a destination's words are kept.
const maxWords = 200

type said struct {
	error
	words string
}

func (s said) Unwrap() error { return s.error }

// says stands between a reason and the words of the destination.
const says = "; it says: "

// reasonOf is what the page of a delivery says of an error.
func reasonOf(err error) string {
	if s := (said{}); errors.As(err, &s) {
		return radnode.MessageOf(err) + says + s.words
	}
	return radnode.MessageOf(err)
}

// withoutWords is a reason without the words of the destination.
func withoutWords(reason string) string {
	reason, _, _ = strings.Cut(reason, says)
	return reason
}
