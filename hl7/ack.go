package hl7

import (
	"fmt"

	"github.com/radnode/radnode"
)

// RefusedError is a negative acknowledgement. Its text is the receiver's and
// may name the patient: it is for the page of the delivery, never for a log.
type RefusedError struct {
	Code      string // MSA-1: AE, AR, CE, CR
	Condition string // ERR-3 (table 0357), or ERR-1.4 of older versions
	Text      string // MSA-3 or ERR-8
}

func (e *RefusedError) Error() string {
	if e.Condition == "" {
		return "the receiver answered " + e.Code
	}
	return fmt.Sprintf("the receiver answered %s, condition %s", e.Code, e.Condition)
}

// answers is the table 0008 of acknowledgement codes. An error lies in the
// message; a rejection may lie in the receiver (2.9.2.2), unless its condition
// says that it never takes such a message.
var answers = map[string]radnode.Code{
	"AA": "", "CA": "",
	"AE": radnode.Invalid, "CE": radnode.Invalid,
	"AR": radnode.Unavailable, "CR": radnode.Unavailable,
}

// unsupported are the conditions of table 0357 that will be the same next time:
// message type, event code, processing ID, version.
var unsupported = map[string]bool{"200": true, "201": true, "202": true, "203": true}

// maxCondition is the longest code of a condition.
const maxCondition = 20

// acknowledged tells what a reply means for the message with a control ID.
func acknowledged(reply []byte, control string) error {
	m, err := Parse(reply)
	if err != nil {
		return radnode.Errorf(radnode.Unavailable, op, "the acknowledgement cannot be read: %w", err)
	}
	code := m.Field("MSA", 1).Component(1)
	result, known := answers[code]
	switch {
	case !known:
		return radnode.Errorf(radnode.Unavailable, op, "the reply is no acknowledgement")
	case m.Field("MSA", 2).Component(1) != control:
		return radnode.Errorf(radnode.Unavailable, op, "the acknowledgement is for another message")
	case result == "":
		return nil
	}
	refusal := &RefusedError{Code: code, Condition: m.Field("ERR", 3).Component(1), Text: m.Field("MSA", 3).Component(1)}
	if refusal.Condition == "" {
		refusal.Condition = m.Field("ERR", 1).Component(4)
	}
	if refusal.Text == "" {
		refusal.Text = m.Field("ERR", 8).Component(1)
	}
	if len(refusal.Condition) > maxCondition {
		refusal.Condition = "" // no code: it may be words about the patient
	}
	if unsupported[refusal.Condition] {
		result = radnode.Unsupported
	}
	return radnode.Errorf(result, op, "%w", refusal)
}
