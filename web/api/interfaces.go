package api

import (
	"context"
	"image"
	"io"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/auth"
	"github.com/radnode/radnode/dicom"
)

// Studies is the worklist and the study page.
type Studies interface {
	Worklist(ctx context.Context, f radnode.StudyFilter) ([]radnode.StudySummary, int, error)
	Study(ctx context.Context, uid radnode.UID) (*radnode.Study, error)
	Outline(ctx context.Context, uid radnode.UID) (*radnode.Study, error) // series and reports alone
	Priors(ctx context.Context, uid radnode.UID) (*radnode.Priors, error)
}

// Files finds the files behind an instance and a stage picture.
type Files interface {
	InstancePath(ctx context.Context, sopUID radnode.UID) (string, radnode.Instance, error)
	StagePath(ctx context.Context, resultID, stage string) (string, error)
}

// Pixels decodes frames and renders previews. The results are immutable: the
// implementation may keep and share them.
type Pixels interface {
	// Frame returns the stored values of a frame (1-based), little endian,
	// samples interleaved.
	Frame(ctx context.Context, path string, inst radnode.Instance, frame int) (io.ReadSeekCloser, error)
	// Render returns a JPEG of a frame (1-based), at most size pixels wide and high.
	Render(ctx context.Context, path string, inst radnode.Instance, frame, size int) (io.ReadSeekCloser, error)
	// Describe says what a viewer needs to show the frames of an instance, as
	// far as it follows from the pixel description; this package adds the rest.
	Describe(ctx context.Context, header *dicom.File, inst radnode.Instance) (*ImageDescription, error)
}

// Reports is the reading of a report and the reader's text of a draft.
type Reports interface {
	Report(ctx context.Context, id string) (*radnode.Report, error)
	SetText(ctx context.Context, user radnode.User, reportID string, version int64, text radnode.ReportText) (*radnode.Report, error)
	Compose(ctx context.Context, user radnode.User, reportID string, version int64, language string) (*radnode.Report, error)
}

// Findings is what a reader does with the findings of a draft.
type Findings interface {
	Decide(ctx context.Context, user radnode.User, reportID, findingID string, version int64, d radnode.Decision, reason string) (*radnode.Report, error)
	AddFinding(ctx context.Context, user radnode.User, reportID string, version int64, c radnode.ReadingChange) (*radnode.Report, error)
	EditFinding(ctx context.Context, user radnode.User, reportID, findingID string, version int64, c radnode.ReadingChange) (*radnode.Report, error)
}

// Signing makes a draft final, where the site wants it by two persons.
type Signing interface {
	Sign(ctx context.Context, user radnode.User, reportID string, version int64) (*radnode.Report, error)
	Cosign(ctx context.Context, user radnode.User, reportID string, version int64) (*radnode.Report, error)
	Reopen(ctx context.Context, user radnode.User, reportID string, version int64) (*radnode.Report, error)
}

// Amending opens the draft that follows a signed report.
type Amending interface {
	Amend(ctx context.Context, user radnode.User, reportID string) (*radnode.Report, error)
	Addend(ctx context.Context, user radnode.User, reportID, text string) (*radnode.Report, error)
}

// Deliveries is the way of signed reports to their destinations.
type Deliveries interface {
	Deliveries(ctx context.Context, reportID string) ([]radnode.Delivery, error)
	Outbox(ctx context.Context, f radnode.DeliveryFilter) (list []radnode.Delivery, total int, err error)
	// Retry tries deliveries again at once; nil means all that failed or wait.
	Retry(ctx context.Context, user radnode.User, deliveries []string) (retried int, err error)
	Destinations(ctx context.Context) ([]radnode.Destination, error)
}

// Events tells what changed. The channel is closed when the reader was too
// slow or the node stops; cancel ends the subscription.
type Events interface {
	Events() (events <-chan radnode.Event, cancel func())
}

// Ledger is the balance of everything the node accepted.
type Ledger interface {
	Ledger(ctx context.Context) ([]radnode.LedgerRow, error)
}

// Schedule is what the modality worklist answers.
type Schedule interface {
	ScheduledSteps(ctx context.Context, most int) ([]radnode.ScheduledStep, error)
	AddScheduledSteps(ctx context.Context, text []byte, source string) (int, error)
	RemoveScheduledStep(ctx context.Context, study radnode.UID, step string) error
}

// Peers is the list of application entities.
type Peers interface {
	Peers(ctx context.Context) ([]radnode.Peer, error)
	AddPeer(ctx context.Context, peer radnode.Peer) error
	RemovePeer(ctx context.Context, name string) error
}

// Echoer asks a peer whether it is there (C-ECHO, PS3.4 annex A) and says how
// long the whole association took.
type Echoer interface {
	Echo(ctx context.Context, peer radnode.Peer) (time.Duration, error)
}

// Identity says who somebody is.
type Identity interface {
	Authenticate(ctx context.Context, name, password string) (radnode.User, error)
	Token(ctx context.Context, bearer string) (radnode.User, error)
}

// Sessions keeps browsers signed in.
type Sessions interface {
	NewSession(ctx context.Context, user radnode.User) (id, csrf string, err error)
	Session(ctx context.Context, id string) (user radnode.User, csrf string, err error)
	EndSession(ctx context.Context, id string) error
}

// Users is the administration of people. Save adds or changes; an empty
// password keeps the present one.
type Users interface {
	List(ctx context.Context) ([]radnode.User, error)
	Save(ctx context.Context, user radnode.User, password string) error
}

// Tokens is the administration of programs' bearer tokens. The token itself
// is seen once, when it is made.
type Tokens interface {
	Tokens(ctx context.Context) ([]auth.Token, error)
	CreateToken(ctx context.Context, name string, role radnode.Role, secret string) (token string, err error)
	SetLimits(ctx context.Context, name string, l auth.Limits) error
	RevokeToken(ctx context.Context, name string) error
}

// Models is the registry as the reader sees it.
type Models interface {
	Models(ctx context.Context) ([]Model, error)
}

// Analyzer reads one file at once, without the store. path is a DICOM, PNG or
// JPEG file.
type Analyzer interface {
	Analyze(ctx context.Context, path string, models []string) ([]radnode.Analysis, error)
	// Draft makes the unverified structured report of the analyses of a DICOM file.
	Draft(ctx context.Context, path string, list []radnode.Analysis) (*dicom.Dataset, error)
	// HeatPicture draws the heat map of one finding over its frame.
	HeatPicture(ctx context.Context, path string, a radnode.Analysis, f radnode.Finding) (image.Image, error)
}

// Audit records acts and answers what was recorded, newest first (PS3.15 A.5).
type Audit interface {
	Record(ctx context.Context, e audit.Event) error
	List(ctx context.Context, f audit.Filter) ([]audit.Event, error)
}

var (
	_ Identity = (*auth.Accounts)(nil)
	_ Sessions = (*auth.Accounts)(nil)
	_ Users    = (*auth.Accounts)(nil)
	_ Tokens   = (*auth.Accounts)(nil)
	_ Audit    = (*audit.Trail)(nil)
)
