package radnode

import (
	"errors"
	"fmt"
)

// Code is the machine-readable kind of an Error. Each edge (DIMSE, HTTP,
// command line) translates it by one table.
type Code string

// The codes of the product.
const (
	Invalid      Code = "invalid"          // the input breaks a rule; sending it again will not help
	NotFound     Code = "not_found"        // no such thing
	Conflict     Code = "conflict"         // the thing exists with another content, or was changed meanwhile
	Unauthorized Code = "unauthorized"     // who are you?
	Forbidden    Code = "forbidden"        // known, but not allowed
	Unsupported  Code = "unsupported"      // legal, but not handled here
	TooLarge     Code = "too_large"        // a length or count exceeds a limit
	NoResources  Code = "out_of_resources" // disk, memory or queue is full; may work later
	Unavailable  Code = "unavailable"      // a peer or part is down; may work later
	Canceled     Code = "canceled"         // the caller gave up
	Internal     Code = "internal"         // a defect or a broken machine
)

// Error is an error with a code. Message is one sentence for a person that
// names the thing and the remedy and holds no patient data; Err is the cause
// for the log.
type Error struct {
	Code    Code
	Op      string
	Message string
	Err     error
}

// Errorf makes an Error. A %w verb in format keeps the cause reachable.
func Errorf(code Code, op, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Op: op, Message: err.Error(), Err: errors.Unwrap(err)}
}

func (e *Error) Error() string {
	if e.Op == "" {
		return e.Message
	}
	return e.Op + ": " + e.Message
}

func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code of the first Error in err's chain, Internal for any
// other error and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}

// MessageOf returns what a peer or user may be told about err: the message of
// a coded error, and nothing of an unknown one.
func MessageOf(err error) string {
	var e *Error
	if errors.As(err, &e) && e.Code != Internal {
		return e.Message
	}
	return "internal error; the log of the node holds the details"
}
