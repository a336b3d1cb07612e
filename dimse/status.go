package dimse

import (
	"errors"
	"fmt"
	"strings"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// Status is the status of a response (PS3.7 Annex C, PS3.4).
type Status uint16

// The statuses this package sends or acts upon.
const (
	StatusSuccess                Status = 0x0000
	StatusOptionalUnsupported    Status = 0x0001 // MPPS: optional attributes not supported
	StatusNoSuchAttribute        Status = 0x0105
	StatusInvalidAttributeValue  Status = 0x0106
	StatusAttributeListError     Status = 0x0107
	StatusProcessingFailure      Status = 0x0110
	StatusDuplicateSOPInstance   Status = 0x0111
	StatusNoSuchSOPInstance      Status = 0x0112
	StatusNoSuchEventType        Status = 0x0113
	StatusNoSuchArgument         Status = 0x0114
	StatusInvalidArgumentValue   Status = 0x0115
	StatusAttributeOutOfRange    Status = 0x0116
	StatusInvalidSOPInstance     Status = 0x0117
	StatusNoSuchSOPClass         Status = 0x0118
	StatusClassInstanceConflict  Status = 0x0119
	StatusMissingAttribute       Status = 0x0120
	StatusMissingAttributeValue  Status = 0x0121
	StatusSOPClassNotSupported   Status = 0x0122
	StatusNoSuchActionType       Status = 0x0123
	StatusNotAuthorized          Status = 0x0124
	StatusDuplicateInvocation    Status = 0x0210
	StatusUnrecognizedOperation  Status = 0x0211
	StatusMistypedArgument       Status = 0x0212
	StatusResourceLimitation     Status = 0x0213
	StatusOutOfResources         Status = 0xA700
	StatusCannotCountMatches     Status = 0xA701
	StatusCannotDoSubOperations  Status = 0xA702
	StatusMoveDestinationUnknown Status = 0xA801
	StatusDataSetMismatch        Status = 0xA900 // data set or identifier does not match the SOP class
	StatusCoercion               Status = 0xB000 // C-MOVE, C-GET: sub-operations with failures
	StatusResponseLimit          Status = 0xB001
	StatusElementsDiscarded      Status = 0xB006
	StatusDataSetMismatchWarning Status = 0xB007
	StatusCannotUnderstand       Status = 0xC000
	StatusCancel                 Status = 0xFE00
	StatusPending                Status = 0xFF00
	StatusPendingWarning         Status = 0xFF01 // optional keys not supported
)

// Class is the kind of a status (PS3.7 Annex C).
type Class string

// The kinds of status.
const (
	Success Class = "success"
	Warning Class = "warning"
	Failure Class = "failure"
	Cancel  Class = "cancel"
	Pending Class = "pending"
)

// statusRange is a row of the table of statuses.
type statusRange struct {
	first, last Status
	class       Class
	text        string
}

// statuses is PS3.7 Annex C with the service-specific values of PS3.4. The
// first row that holds a status counts.
var statuses = [...]statusRange{
	{0x0000, 0x0000, Success, "success"},
	{0x0001, 0x0001, Warning, "optional attributes not supported"},
	{0x0105, 0x0105, Failure, "no such attribute"},
	{0x0106, 0x0106, Failure, "invalid attribute value"},
	{0x0107, 0x0107, Warning, "attribute list error"},
	{0x0110, 0x0110, Failure, "processing failure"},
	{0x0111, 0x0111, Failure, "duplicate SOP instance"},
	{0x0112, 0x0112, Failure, "no such SOP instance"},
	{0x0113, 0x0113, Failure, "no such event type"},
	{0x0114, 0x0114, Failure, "no such argument"},
	{0x0115, 0x0115, Failure, "invalid argument value"},
	{0x0116, 0x0116, Warning, "attribute value out of range"},
	{0x0117, 0x0117, Failure, "invalid SOP instance"},
	{0x0118, 0x0118, Failure, "no such SOP class"},
	{0x0119, 0x0119, Failure, "class-instance conflict"},
	{0x0120, 0x0120, Failure, "missing attribute"},
	{0x0121, 0x0121, Failure, "missing attribute value"},
	{0x0122, 0x0122, Failure, "SOP class not supported"},
	{0x0123, 0x0123, Failure, "no such action type"},
	{0x0124, 0x0124, Failure, "not authorized"},
	{0x0210, 0x0210, Failure, "duplicate invocation"},
	{0x0211, 0x0211, Failure, "unrecognized operation"},
	{0x0212, 0x0212, Failure, "mistyped argument"},
	{0x0213, 0x0213, Failure, "resource limitation"},
	{0x0100, 0x02FF, Failure, "failure"},
	{0xA701, 0xA701, Failure, "out of resources: cannot count the matches"},
	{0xA702, 0xA702, Failure, "out of resources: cannot do the sub-operations"},
	{0xA710, 0xA710, Failure, "invalid prior record key"},
	{0xA700, 0xA7FF, Failure, "out of resources"},
	{0xA801, 0xA801, Failure, "move destination unknown"},
	{0xA900, 0xA9FF, Failure, "data set does not match the SOP class"},
	{0xAA00, 0xAA04, Failure, "frames cannot be retrieved"},
	{0xA000, 0xAFFF, Failure, "failure"},
	{0xB000, 0xB000, Warning, "done with coercion or with failed sub-operations"},
	{0xB001, 0xB001, Warning, "response limit reached"},
	{0xB006, 0xB006, Warning, "elements discarded"},
	{0xB007, 0xB007, Warning, "data set does not match the SOP class"},
	{0xB000, 0xBFFF, Warning, "warning"},
	{0xC000, 0xCFFF, Failure, "cannot understand"},
	{0xFE00, 0xFE00, Cancel, "cancelled"},
	{0xFF00, 0xFF00, Pending, "pending"},
	{0xFF01, 0xFF01, Pending, "pending, optional keys not supported"},
}

func (s Status) row() statusRange {
	for _, r := range statuses {
		if r.first <= s && s <= r.last {
			return r
		}
	}
	// PS3.7 Annex C defines no others; what a peer invents is no success.
	return statusRange{s, s, Failure, "unknown status"}
}

// Class returns the kind of s.
func (s Status) Class() Class { return s.row().class }

// Pending reports whether more responses follow.
func (s Status) Pending() bool { return s == StatusPending || s == StatusPendingWarning }

// String returns the value and its meaning.
func (s Status) String() string { return fmt.Sprintf("%04X %s", uint16(s), s.row().text) }

// Transient reports whether the same request may succeed later: out of
// resources and resource limitation. All other failures need a person or
// another request.
func (s Status) Transient() bool {
	return s&0xFF00 == 0xA700 && s != 0xA710 || s == StatusResourceLimitation
}

// StatusError is an error with a status of its own. A handler returns it to
// choose what the peer sees, a warning for example; a client returns it when
// the peer answered with a failure.
type StatusError struct {
	Status            Status
	Comment           string // LO, default repertoire; cut to 64 characters
	ErrorID           uint16
	OffendingElements []dicom.Tag
	Err               error // cause, for the log
}

func (e *StatusError) Error() string {
	s := "status " + e.Status.String()
	if e.Comment != "" {
		s += ": " + e.Comment
	}
	return s
}

func (e *StatusError) Unwrap() error { return e.Err }

// service selects a column of codeStatus.
type service int

const (
	storeService service = iota
	queryService
	retrieveService
	normalizedService
)

// codeStatus is the edge table from error codes to statuses: C-STORE (PS3.4
// B.2.3), C-FIND (C.4.1.1.4), C-MOVE and C-GET (C.4.2.1.5), DIMSE-N (PS3.7
// Annex C). An internal error of ours is told a storing peer as lack of
// resources, and so is that something was not found, which can only be a part
// of our store: it should send the object again.
var codeStatus = map[radnode.Code][4]Status{
	radnode.Invalid:      {StatusCannotUnderstand, StatusDataSetMismatch, StatusDataSetMismatch, StatusInvalidArgumentValue},
	radnode.NotFound:     {StatusOutOfResources, StatusCannotUnderstand, StatusCannotUnderstand, StatusNoSuchSOPInstance},
	radnode.Conflict:     {StatusDuplicateSOPInstance, StatusCannotUnderstand, StatusCannotUnderstand, StatusDuplicateSOPInstance},
	radnode.Unauthorized: {StatusNotAuthorized, StatusNotAuthorized, StatusNotAuthorized, StatusNotAuthorized},
	radnode.Forbidden:    {StatusNotAuthorized, StatusNotAuthorized, StatusNotAuthorized, StatusNotAuthorized},
	radnode.Unsupported:  {StatusSOPClassNotSupported, StatusSOPClassNotSupported, StatusSOPClassNotSupported, StatusSOPClassNotSupported},
	radnode.TooLarge:     {StatusOutOfResources, StatusOutOfResources, StatusCannotDoSubOperations, StatusResourceLimitation},
	radnode.NoResources:  {StatusOutOfResources, StatusOutOfResources, StatusCannotDoSubOperations, StatusResourceLimitation},
	radnode.Unavailable:  {StatusOutOfResources, StatusOutOfResources, StatusCannotDoSubOperations, StatusProcessingFailure},
	radnode.Canceled:     {StatusOutOfResources, StatusCancel, StatusCancel, StatusProcessingFailure},
	radnode.Internal:     {StatusOutOfResources, StatusOutOfResources, StatusCannotDoSubOperations, StatusProcessingFailure},
}

// statusOf translates a handler's error for a service. The result is nil for
// nil.
func statusOf(err error, s service) *StatusError {
	if err == nil {
		return nil
	}
	var own *StatusError
	if errors.As(err, &own) {
		return own
	}
	row, ok := codeStatus[radnode.CodeOf(err)]
	if !ok {
		row = codeStatus[radnode.Internal]
	}
	return &StatusError{Status: row[s], Comment: radnode.MessageOf(err), Err: err}
}

// apply puts e into a response; nil means success.
func (e *StatusError) apply(c *Command) {
	if e == nil {
		c.Status = StatusSuccess
		return
	}
	c.Status, c.ErrorComment, c.ErrorID, c.OffendingElements = e.Status, comment(e.Comment), e.ErrorID, e.OffendingElements
}

// comment fits s into the error comment (0000,0902): LO of at most 64
// characters of the default repertoire.
func comment(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '\\' {
			return '?'
		}
		return r
	}, s)
	if len(s) > 64 {
		s = s[:61] + "..."
	}
	return s
}
