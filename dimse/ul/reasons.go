package ul

import "fmt"

// Reject is an A-ASSOCIATE-RJ (PS3.8 9.3.4). It is an error: what Dial
// returns when the peer refuses.
type Reject struct {
	Result byte
	Source byte
	Reason byte
}

// Values of Reject.Result.
const (
	RejectedPermanent byte = 1
	RejectedTransient byte = 2
)

// Values of Reject.Source.
const (
	SourceUser         byte = 1
	SourceACSE         byte = 2
	SourcePresentation byte = 3
)

// The rejections of PS3.8 Table 9-21 that this software sends.
var (
	RejectNoReason           = Reject{RejectedPermanent, SourceUser, 1}
	RejectApplicationContext = Reject{RejectedPermanent, SourceUser, 2}
	RejectCallingAE          = Reject{RejectedPermanent, SourceUser, 3}
	RejectCalledAE           = Reject{RejectedPermanent, SourceUser, 7}
	// RejectIdentity answers a user identity that was not accepted (PS3.7
	// D.3.3.7.3).
	RejectIdentity        = Reject{RejectedPermanent, SourceACSE, 1}
	RejectProtocolVersion = Reject{RejectedPermanent, SourceACSE, 2}
	RejectCongestion      = Reject{RejectedTransient, SourcePresentation, 1}
	RejectLimit           = Reject{RejectedTransient, SourcePresentation, 2}
)

// rejectReasons is PS3.8 Table 9-21: source, reason, text.
var rejectReasons = map[[2]byte]string{
	{SourceUser, 1}:         "no reason given",
	{SourceUser, 2}:         "application context name not supported",
	{SourceUser, 3}:         "calling AE title not recognised",
	{SourceUser, 7}:         "called AE title not recognised",
	{SourceACSE, 1}:         "no reason given",
	{SourceACSE, 2}:         "protocol version not supported",
	{SourcePresentation, 1}: "temporary congestion",
	{SourcePresentation, 2}: "local limit exceeded",
}

// Transient reports whether the same request may succeed later.
func (r *Reject) Transient() bool { return r.Result == RejectedTransient }

func (r *Reject) Error() string {
	kind := "permanently"
	if r.Transient() {
		kind = "for now"
	}
	reason, ok := rejectReasons[[2]byte{r.Source, r.Reason}]
	if !ok {
		reason = "unknown reason"
	}
	return fmt.Sprintf("association rejected %s: %s (result %d, source %d, reason %d)",
		kind, reason, r.Result, r.Source, r.Reason)
}

// Abort is an A-ABORT (PS3.8 9.3.8). It is an error: what a call returns when
// the peer ended the association that way.
type Abort struct {
	Source byte
	Reason byte
}

// Values of Abort.Source.
const (
	AbortUser     byte = 0
	AbortProvider byte = 2
)

// Values of Abort.Reason when the source is the provider; a user's reason is
// not significant and sent as zero.
const (
	AbortNotSpecified          byte = 0
	AbortUnrecognisedPDU       byte = 1
	AbortUnexpectedPDU         byte = 2
	AbortUnrecognisedParameter byte = 4
	AbortUnexpectedParameter   byte = 5
	AbortInvalidParameter      byte = 6
)

var abortReasons = [...]string{
	AbortNotSpecified:          "no reason given",
	AbortUnrecognisedPDU:       "unrecognised PDU",
	AbortUnexpectedPDU:         "unexpected PDU",
	3:                          "reserved reason",
	AbortUnrecognisedParameter: "unrecognised PDU parameter",
	AbortUnexpectedParameter:   "unexpected PDU parameter",
	AbortInvalidParameter:      "invalid PDU parameter value",
}

func (a *Abort) Error() string {
	if a.Source == AbortUser {
		return "association aborted by the peer's application"
	}
	reason := "unknown reason"
	if int(a.Reason) < len(abortReasons) {
		reason = abortReasons[a.Reason]
	}
	return fmt.Sprintf("association aborted by the peer: %s (source %d, reason %d)", reason, a.Source, a.Reason)
}

// ProtocolError is a breach of PS3.8 by the peer. The association has been
// aborted with Reason.
type ProtocolError struct {
	Reason byte // of the A-ABORT
	Detail string
}

func (e *ProtocolError) Error() string { return "peer broke the upper layer protocol: " + e.Detail }

func invalidf(format string, args ...any) *ProtocolError {
	return &ProtocolError{Reason: AbortInvalidParameter, Detail: fmt.Sprintf(format, args...)}
}
