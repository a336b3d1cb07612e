package dimse

import (
	"context"
	"strings"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
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

// Service is a right that a peer can be given.
type Service string

// The services of a Server.
const (
	ServiceEcho     Service = "echo"
	ServiceStore    Service = "store"
	ServiceQuery    Service = "query"
	ServiceRetrieve Service = "retrieve" // C-MOVE and C-GET
	ServiceWorklist Service = "worklist"
	ServiceCommit   Service = "commit" // requests and reports
	ServiceSteps    Service = "mpps"
)

// serviceOf names the right that each kind of SOP class needs.
var serviceOf = map[kind]Service{
	kindVerification:  ServiceEcho,
	kindStorage:       ServiceStore,
	kindFind:          ServiceQuery,
	kindMove:          ServiceRetrieve,
	kindGet:           ServiceRetrieve,
	kindWorklist:      ServiceWorklist,
	kindCommitment:    ServiceCommit,
	kindPerformedStep: ServiceSteps,
}

// allows reports whether a peer may use a service.
func (s *Server) allows(ctx context.Context, a *Association, service Service) bool {
	return s.cfg.Allow == nil || s.cfg.Allow(ctx, a, service)
}

// kindOf tells how a SOP class is handled; 0: not at all.
func (s *Server) kindOf(class radnode.UID) kind {
	k, ok := serviceClasses[class]
	if !ok {
		if _, storage := dicom.LookupSOPClass(class); storage || s.cfg.AcceptUnknownClasses && MayBeStorage(class) {
			k = kindStorage
		}
	}
	if k == 0 || !s.provides(k) {
		return 0
	}
	return k
}

// MayBeStorage reports whether a class that no table names can be one of
// storage: it is private, or stands where the standard puts those to come
// (PS3.4 B.5).
func MayBeStorage(class radnode.UID) bool {
	const standard = "1.2.840.10008."
	s := string(class)
	return class.Valid() && (!strings.HasPrefix(s, standard) || strings.HasPrefix(s, standard+"5.1.4.1.1."))
}

// provides reports whether there is a handler for k.
func (s *Server) provides(k kind) bool {
	switch k {
	case kindVerification:
		return true
	case kindStorage:
		return s.cfg.Store != nil || s.cfg.Retrieve != nil
	case kindFind:
		return s.cfg.Find != nil
	case kindWorklist:
		return s.cfg.Worklist != nil
	case kindMove:
		return s.cfg.Retrieve != nil && s.cfg.Destinations != nil
	case kindGet:
		return s.cfg.Retrieve != nil
	case kindCommitment:
		return s.cfg.Commit != nil || s.cfg.Reports != nil
	case kindPerformedStep:
		return s.cfg.Steps != nil
	}
	return false
}
