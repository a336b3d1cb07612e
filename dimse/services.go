package dimse

import (
	"slices"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dimse/ul"
)

// SOP classes beside storage (PS3.4, PS3.6 Annex A).
const (
	Verification               radnode.UID = "1.2.840.10008.1.1"
	StorageCommitmentPushModel radnode.UID = "1.2.840.10008.1.20.1"
	PatientRootFind            radnode.UID = "1.2.840.10008.5.1.4.1.2.1.1"
	PatientRootMove            radnode.UID = "1.2.840.10008.5.1.4.1.2.1.2"
	PatientRootGet             radnode.UID = "1.2.840.10008.5.1.4.1.2.1.3"
	StudyRootFind              radnode.UID = "1.2.840.10008.5.1.4.1.2.2.1"
	StudyRootMove              radnode.UID = "1.2.840.10008.5.1.4.1.2.2.2"
	StudyRootGet               radnode.UID = "1.2.840.10008.5.1.4.1.2.2.3"
	ModalityWorklistFind       radnode.UID = "1.2.840.10008.5.1.4.31"
	ModalityPerformedStep      radnode.UID = "1.2.840.10008.3.1.2.3.3"
	InstanceAvailability       radnode.UID = "1.2.840.10008.5.1.4.33"
)

// StorageCommitmentInstance is the well-known instance of the storage
// commitment push model (PS3.4 J.3.5).
const StorageCommitmentInstance radnode.UID = "1.2.840.10008.1.20.1.1"

// Transfer syntaxes of identifiers and commands (PS3.5 10.1).
const (
	ImplicitVRLittleEndian radnode.UID = "1.2.840.10008.1.2"
	ExplicitVRLittleEndian radnode.UID = "1.2.840.10008.1.2.1"
)

// kind groups the SOP classes that are handled alike.
type kind int

const (
	kindVerification kind = iota + 1
	kindStorage
	kindFind
	kindMove
	kindGet
	kindWorklist
	kindCommitment
	kindPerformedStep
)

// serviceClasses names every SOP class beside storage that a Server can
// provide; the storage classes stand in package dicom.
var serviceClasses = map[radnode.UID]kind{
	Verification:               kindVerification,
	StorageCommitmentPushModel: kindCommitment,
	PatientRootFind:            kindFind,
	StudyRootFind:              kindFind,
	PatientRootMove:            kindMove,
	StudyRootMove:              kindMove,
	PatientRootGet:             kindGet,
	StudyRootGet:               kindGet,
	ModalityWorklistFind:       kindWorklist,
	ModalityPerformedStep:      kindPerformedStep,
}

// kindOf tells how a SOP class is handled; 0: not at all.
func (s *Server) kindOf(class radnode.UID) kind {
	k, ok := serviceClasses[class]
	if !ok {
		if _, storage := dicom.LookupSOPClass(class); storage || s.cfg.AcceptUnknownClasses && class.Valid() {
			k = kindStorage
		}
	}
	if k == 0 || !s.provides(k) {
		return 0
	}
	return k
}

// provides reports whether there is a handler for k.
func (s *Server) provides(k kind) bool {
	return k == kindVerification || k == kindStorage && s.cfg.Store != nil
}

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
// information (PS3.7 D.2, D.3).
func (s *Server) negotiate(rq *ul.AssociateRQ) *ul.AssociateAC {
	ac := &ul.AssociateAC{Contexts: make([]ul.ContextAC, len(rq.Contexts))}
	for i, c := range rq.Contexts {
		answer := ul.ContextAC{ID: c.ID, Result: ul.AbstractSyntaxNotSupported}
		if len(c.TransferSyntaxes) > 0 {
			answer.TransferSyntax = c.TransferSyntaxes[0] // not significant, but some peers want one
		}
		if k := s.kindOf(radnode.UID(c.AbstractSyntax)); k != 0 {
			answer.Result = ul.TransferSyntaxesNotSupported
			if ts, ok := s.choose(k, c.TransferSyntaxes); ok {
				answer.Result, answer.TransferSyntax = ul.Acceptance, ts
			}
		}
		if len(answer.TransferSyntax) > radnode.MaxUIDLength {
			answer.TransferSyntax = string(ImplicitVRLittleEndian)
		}
		ac.Contexts[i] = answer
	}
	ac.User.ImplementationClassUID = ImplementationClassUID
	ac.User.ImplementationVersionName = ImplementationVersionName
	for _, r := range rq.User.Roles {
		proposed := slices.ContainsFunc(rq.Contexts, func(c ul.ContextRQ) bool { return c.AbstractSyntax == r.SOPClassUID })
		if proposed && len(r.SOPClassUID) <= radnode.MaxUIDLength {
			ac.User.Roles = append(ac.User.Roles, s.answerRole(r))
		}
	}
	return ac
}

// answerRole accepts what was proposed and can be played (PS3.7 D.3.3.4): the
// requestor may provide a class only where this side can use it.
func (s *Server) answerRole(r ul.RoleSelection) ul.RoleSelection {
	k := s.kindOf(radnode.UID(r.SOPClassUID))
	return ul.RoleSelection{SOPClassUID: r.SOPClassUID, SCU: r.SCU && k != 0, SCP: r.SCP && s.uses(k)}
}

// uses reports whether this side may act as user of a class towards a
// requestor that provides it.
func (s *Server) uses(kind) bool { return false }

// Identity of this implementation (PS3.7 D.3.3.2). The UID was made from a
// random UUID (PS3.5 B.2) and stays the same for all versions.
const (
	ImplementationClassUID    = "2.25.298913792612306408582110730519864606096"
	ImplementationVersionName = "RADNODE_1"
)
