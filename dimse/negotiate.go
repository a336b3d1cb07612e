package dimse

import (
	"context"
	"slices"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dimse/ul"
)

// choose picks the transfer syntax for a proposed presentation context: the
// first that will do, since senders put their favourite first. Stored bytes
// are kept as sent, so that storage takes every known syntax; identifiers are
// read and written in the two little endian syntaxes.
func (s *Server) choose(k kind, proposed []string) (string, bool) {
	for _, ts := range proposed {
		uid := radnode.UID(ts)
		if k != kindStorage {
			if uid == ImplicitVRLittleEndian || uid == ExplicitVRLittleEndian {
				return ts, true
			}
			continue
		}
		if _, known := dicom.LookupTransferSyntax(uid); known || s.cfg.AcceptUnknownSyntaxes && uid.Valid() {
			return ts, true
		}
	}
	return "", false
}

// negotiate answers every proposed presentation context and the user
// information (PS3.7 D.2, D.3). The error refuses the user's identity.
func (s *Server) negotiate(ctx context.Context, a *Association, rq *ul.AssociateRQ) (*ul.AssociateAC, error) {
	ac := &ul.AssociateAC{Contexts: make([]ul.ContextAC, len(rq.Contexts))}
	for i, c := range rq.Contexts {
		ac.Contexts[i] = s.answerContext(ctx, a, rq, c)
	}
	u := &ac.User
	u.ImplementationClassUID = string(dicom.ImplementationClass)
	u.ImplementationVersionName = dicom.ImplementationVersion
	if offered := rq.User.Async; offered != nil {
		// PS3.7 D.3.3.3: at most what was offered; this side invokes one
		// operation at a time.
		u.Async = &ul.AsyncOperations{Invoked: atMost(s.cfg.AsyncOperations, offered.Invoked), Performed: 1}
	}
	for _, r := range rq.User.Roles {
		if proposes(rq, r.SOPClassUID) {
			u.Roles = append(u.Roles, s.answerRole(ctx, a, r))
		}
	}
	for _, x := range rq.User.Extended {
		if answer := s.answerExtended(x); answer != nil && proposes(rq, x.SOPClassUID) {
			u.Extended = append(u.Extended, ul.ExtendedNegotiation{SOPClassUID: x.SOPClassUID, Information: answer})
		}
	}
	id := rq.User.Identity
	if s.cfg.Identify == nil {
		return ac, nil
	}
	response, err := s.cfg.Identify(ctx, a, id)
	if err != nil {
		return nil, err
	}
	if id != nil && id.PositiveResponseRequested {
		u.IdentityResponse = &ul.UserIdentityResponse{Response: response}
	}
	return ac, nil
}

// atMost is the smaller of two windows, where an offer of 0 is unlimited.
func atMost(own, offered uint16) uint16 {
	if offered == 0 {
		return own
	}
	return min(own, offered)
}

func proposes(rq *ul.AssociateRQ, class string) bool {
	return len(class) <= radnode.MaxUIDLength &&
		slices.ContainsFunc(rq.Contexts, func(c ul.ContextRQ) bool { return c.AbstractSyntax == class })
}

func (s *Server) answerContext(ctx context.Context, a *Association, rq *ul.AssociateRQ, c ul.ContextRQ) ul.ContextAC {
	answer := ul.ContextAC{ID: c.ID, Result: ul.AbstractSyntaxNotSupported, TransferSyntax: string(ImplicitVRLittleEndian)}
	k := s.kindOf(radnode.UID(c.AbstractSyntax))
	if k == 0 {
		return answer
	}
	if !s.allows(ctx, a, serviceOf[k]) && !s.storesBack(ctx, a, rq, c.AbstractSyntax, k) {
		answer.Result = ul.UserRejection
		return answer
	}
	answer.Result = ul.TransferSyntaxesNotSupported
	if ts, ok := s.choose(k, c.TransferSyntaxes); ok {
		answer.Result, answer.TransferSyntax = ul.Acceptance, ts
	}
	return answer
}

// storesBack reports whether a storage context is for the objects of a C-GET:
// who may retrieve may provide storage without the right to store here.
func (s *Server) storesBack(ctx context.Context, a *Association, rq *ul.AssociateRQ, class string, k kind) bool {
	role, ok := rq.User.Role(class)
	return k == kindStorage && ok && s.answerRole(ctx, a, role).SCP
}

// answerRole accepts what was proposed and can be played (PS3.7 D.3.3.4): the
// requestor may provide a class only where this side can use it, storage as
// the answer to its C-GET, and storage commitment to report.
func (s *Server) answerRole(ctx context.Context, a *Association, r ul.RoleSelection) ul.RoleSelection {
	k := s.kindOf(radnode.UID(r.SOPClassUID))
	answer := ul.RoleSelection{SOPClassUID: r.SOPClassUID, SCU: r.SCU && k != 0}
	switch k {
	case kindStorage:
		answer.SCU = r.SCU && s.cfg.Store != nil && s.allows(ctx, a, ServiceStore)
		answer.SCP = r.SCP && s.cfg.Retrieve != nil && s.allows(ctx, a, ServiceRetrieve)
	case kindCommitment:
		answer.SCU = r.SCU && s.cfg.Commit != nil
		answer.SCP = r.SCP && s.cfg.Reports != nil
	}
	return answer
}

// storageLevel answers the extended negotiation of storage (PS3.4 B.3.1.4.1):
// level 2 (full), reserved, digital signatures kept bit for bit, reserved, no
// coercion, reserved.
var storageLevel = []byte{2, 0, 3, 0, 0, 0}

// answerExtended answers the service class application information; nil: not
// at all. Only what was offered is answered.
func (s *Server) answerExtended(x ul.ExtendedNegotiation) []byte {
	q := s.cfg.Query
	var own []byte
	switch s.kindOf(radnode.UID(x.SOPClassUID)) {
	case kindStorage:
		return storageLevel[:min(len(x.Information), len(storageLevel))]
	case kindFind:
		own = []byte{bit(q.Relational), bit(q.DateTime), bit(q.FuzzyNames), bit(q.TimezoneAdjust), bit(q.EnhancedMultiple)}
	case kindMove, kindGet:
		own = []byte{bit(q.Relational), bit(q.EnhancedMultiple)}
	default:
		return nil
	}
	own = own[:min(len(own), len(x.Information))]
	for i := range own {
		own[i] &= x.Information[i]
	}
	return own
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// negotiated reads the answer that was given for a query or retrieve class.
func (x *session) negotiated(class string) QueryOptions {
	b, _ := x.assoc.Answer().User.Negotiated(class)
	at := func(i int) bool { return i < len(b) && b[i] == 1 }
	if x.server.kindOf(radnode.UID(class)) == kindFind {
		return QueryOptions{at(0), at(1), at(2), at(3), at(4)}
	}
	return QueryOptions{Relational: at(0), EnhancedMultiple: at(1)}
}
