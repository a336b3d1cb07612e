package ul

// UserInformation is the user information item of A-ASSOCIATE-RQ and -AC
// (PS3.8 D.1, PS3.7 D.3.3).
type UserInformation struct {
	// MaxLength is the longest P-DATA-TF body the sender of the item can
	// receive; 0: no limit.
	MaxLength                 uint32
	ImplementationClassUID    string
	ImplementationVersionName string
	Async                     *AsyncOperations
	Roles                     []RoleSelection
	Extended                  []ExtendedNegotiation
	CommonExtended            []CommonExtendedNegotiation // RQ only
	Identity                  *UserIdentity               // RQ only
	IdentityResponse          *UserIdentityResponse       // AC only
	// Warnings names the defects that were tolerated on receipt.
	Warnings []string
}

// AsyncOperations is the asynchronous operations window (PS3.7 D.3.3.3);
// 0: unlimited.
type AsyncOperations struct {
	Invoked   uint16
	Performed uint16
}

// RoleSelection proposes or answers the roles of the association requestor
// for one SOP class (PS3.7 D.3.3.4).
type RoleSelection struct {
	SOPClassUID string
	SCU         bool
	SCP         bool
}

// ExtendedNegotiation carries the service class application information of
// one SOP class (PS3.7 D.3.3.5).
type ExtendedNegotiation struct {
	SOPClassUID string
	Information []byte
}

// CommonExtendedNegotiation names the service class and the general classes
// of a SOP class (PS3.7 D.3.3.6). It is never answered.
type CommonExtendedNegotiation struct {
	SOPClassUID     string
	ServiceClassUID string
	RelatedClasses  []string
}

// IdentityType is the kind of a user identity (PS3.7 Table D.3-14).
type IdentityType byte

// The kinds of user identity.
const (
	IdentityUsername IdentityType = 1
	IdentityPasscode IdentityType = 2 // user name and passcode
	IdentityKerberos IdentityType = 3
	IdentitySAML     IdentityType = 4
	IdentityJWT      IdentityType = 5
)

// UserIdentity is the user identity of a request (PS3.7 D.3.3.7.1). Its fields
// are secrets: it prints as its type only.
type UserIdentity struct {
	Type                      IdentityType
	PositiveResponseRequested bool
	Primary                   []byte
	Secondary                 []byte // passcode; only for IdentityPasscode
}

// String names the kind of identity and nothing of its content.
func (u UserIdentity) String() string {
	if int(u.Type) < len(identityTypes) && identityTypes[u.Type] != "" {
		return identityTypes[u.Type]
	}
	return "unknown identity type"
}

// GoString keeps the secret out of %#v as well.
func (u UserIdentity) GoString() string { return u.String() }

// MarshalText keeps it out of JSON and structured logs.
func (u UserIdentity) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

var identityTypes = [...]string{
	IdentityUsername: "user name",
	IdentityPasscode: "user name and passcode",
	IdentityKerberos: "Kerberos service ticket",
	IdentitySAML:     "SAML assertion",
	IdentityJWT:      "JSON web token",
}

// UserIdentityResponse is the positive answer to a user identity (PS3.7
// D.3.3.7.2).
type UserIdentityResponse struct {
	Response []byte
}

// Role finds the role selection of a SOP class.
func (u *UserInformation) Role(sopClass string) (RoleSelection, bool) {
	for _, r := range u.Roles {
		if r.SOPClassUID == sopClass {
			return r, true
		}
	}
	return RoleSelection{}, false
}

// Negotiated finds the extended negotiation of a SOP class.
func (u *UserInformation) Negotiated(sopClass string) ([]byte, bool) {
	for _, x := range u.Extended {
		if x.SOPClassUID == sopClass {
			return x.Information, true
		}
	}
	return nil, false
}
