package ul

// Type is the first byte of a protocol data unit (PS3.8 9.3.1).
type Type byte

// The types of protocol data units.
const (
	TypeAssociateRQ Type = 0x01
	TypeAssociateAC Type = 0x02
	TypeAssociateRJ Type = 0x03
	TypePDataTF     Type = 0x04
	TypeReleaseRQ   Type = 0x05
	TypeReleaseRP   Type = 0x06
	TypeAbort       Type = 0x07
)

// ApplicationContext is the DICOM application context name (PS3.7 A.2.1), the
// only one there is.
const ApplicationContext = "1.2.840.10008.3.1.1.1"

// Sizes of the fixed parts (PS3.8 9.3).
const (
	pduHeader     = 6  // type, reserved, length
	pdvHeader     = 6  // item length, context ID, message control header
	aeTitleLength = 16 // called and calling AE title
	fixedAssoc    = 68 // protocol version … reserved of A-ASSOCIATE-RQ and -AC
	maxUID        = 64 // PS3.5 9.1
	// MaxContexts is how many presentation contexts the odd IDs 1..255 allow
	// (PS3.8 9.3.2.2).
	MaxContexts = 128
	// DefaultPDULength is assumed of a peer that announces no maximum length
	// although it must (PS3.8 D.1): every implementation can take that much.
	DefaultPDULength = 16384
)

// PDU is one protocol data unit.
type PDU interface {
	pduType() Type
	appendBody(dst []byte) ([]byte, error)
}

// AssociateRQ asks for an association (PS3.8 9.3.2).
type AssociateRQ struct {
	ProtocolVersion    uint16
	CalledAE           string
	CallingAE          string
	ApplicationContext string
	Contexts           []ContextRQ
	User               UserInformation
}

// ContextRQ is a proposed presentation context (PS3.8 9.3.2.2).
type ContextRQ struct {
	ID               byte
	AbstractSyntax   string
	TransferSyntaxes []string
}

// AssociateAC accepts an association (PS3.8 9.3.3). The AE titles echo the
// request and are not tested on receipt.
type AssociateAC struct {
	ProtocolVersion    uint16
	CalledAE           string
	CallingAE          string
	ApplicationContext string
	Contexts           []ContextAC
	User               UserInformation
}

// ContextAC is the answer to one proposed presentation context (PS3.8
// 9.3.3.2). TransferSyntax is significant only if Result is Acceptance.
type ContextAC struct {
	ID             byte
	Result         ContextResult
	TransferSyntax string
}

// ContextResult is the outcome for one presentation context.
type ContextResult byte

// The results of PS3.8 Table 9-18.
const (
	Acceptance                   ContextResult = 0
	UserRejection                ContextResult = 1
	NoReason                     ContextResult = 2
	AbstractSyntaxNotSupported   ContextResult = 3
	TransferSyntaxesNotSupported ContextResult = 4
)

var contextResults = [...]string{
	Acceptance:                   "accepted",
	UserRejection:                "rejected by the user",
	NoReason:                     "rejected by the provider without a reason",
	AbstractSyntaxNotSupported:   "abstract syntax not supported",
	TransferSyntaxesNotSupported: "transfer syntaxes not supported",
}

func (r ContextResult) String() string {
	if int(r) < len(contextResults) {
		return contextResults[r]
	}
	return "unknown result"
}

// PDataTF carries fragments of messages (PS3.8 9.3.5). Associations stream
// fragments and never build one; it serves tests and tools.
type PDataTF struct {
	Values []PDV
}

// PDV is a presentation data value: one fragment of a command or data set
// (PS3.8 9.3.5.1, E.2).
type PDV struct {
	ContextID byte
	Command   bool // else data set
	Last      bool // last fragment of the command or data set
	Fragment  []byte
}

// ReleaseRQ asks for an orderly release (PS3.8 9.3.6).
type ReleaseRQ struct{}

// ReleaseRP confirms a release (PS3.8 9.3.7).
type ReleaseRP struct{}

func (*AssociateRQ) pduType() Type { return TypeAssociateRQ }
func (*AssociateAC) pduType() Type { return TypeAssociateAC }
func (*Reject) pduType() Type      { return TypeAssociateRJ }
func (*PDataTF) pduType() Type     { return TypePDataTF }
func (*ReleaseRQ) pduType() Type   { return TypeReleaseRQ }
func (*ReleaseRP) pduType() Type   { return TypeReleaseRP }
func (*Abort) pduType() Type       { return TypeAbort }
