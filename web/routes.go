package web

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/auth"
	"github.com/radnode/radnode/web/api"
	"github.com/radnode/radnode/web/infer"
)

// route is one line of the list: what answers, to whom, and what goes in and
// out (for openapi.json).
type route struct {
	method, path string
	handle       echo.HandlerFunc
	roles        []radnode.Role // nil: anybody who is signed in
	public       bool           // answers without login
	plain        bool           // not JSON: never compressed
	summary      string         // "" keeps it out of openapi.json
	in, out      any
	bodyLimit    int64
	longTime     time.Duration // to arrive, and twice that to be answered; 0: the usual
}

// Who may do what (public contract, docs/architecture.md).
var (
	everyone = []radnode.Role(nil)
	deciders = []radnode.Role{radnode.Admin, radnode.Radiologist}
	movers   = []radnode.Role{radnode.Admin, radnode.Radiologist, radnode.Technologist}
	admins   = []radnode.Role{radnode.Admin}
	readers  = []radnode.Role{radnode.Admin, radnode.Radiologist, radnode.Technologist, radnode.Service}
)

const (
	get, post, put, patch, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete

	v1 = "/api/v1"
	v2 = "/v2" // Open Inference Protocol
)

// routes is everything that answers.
func (s *Server) routes() []route {
	a, i := s.api, s.infer
	return append(s.dicomwebRoutes(), []route{
		{method: get, path: "/healthz", handle: s.health, public: true, plain: true, summary: "Whether the node runs"},
		{method: get, path: "/readyz", handle: s.ready, public: true, plain: true, summary: "Whether the node can take an image in"},
		{method: get, path: "/metrics", handle: s.metrics(), plain: true, summary: "Figures for Prometheus"},

		{method: post, path: v1 + "/login", handle: a.Login, public: true, summary: "Sign a browser in", in: api.LoginRequest{}, out: api.SessionInfo{}},
		{method: post, path: v1 + "/logout", handle: a.Logout, summary: "Sign a browser out"},
		{method: get, path: v1 + "/session", handle: a.Session, summary: "Who is signed in", out: api.SessionInfo{}},
		{method: get, path: v1 + "/openapi.json", handle: s.describe, summary: "This description"},
		{method: get, path: v1 + "/schemas/:name", handle: s.schema, roles: everyone, summary: "The JSON schema of a pipeline file (pipeline.json) or of a model's manifest (model.json)", out: object{}},

		{method: get, path: v1 + "/studies", handle: a.ListStudies, roles: readers, summary: "The worklist: q, from, to, modality, state, sort, limit, offset", out: api.StudyList{}},
		{method: get, path: v1 + "/studies/:uid", handle: a.GetStudy, roles: readers, summary: "A study with its series, results and reports", out: radnode.Study{}},
		{method: get, path: v1 + "/studies/:uid/first", handle: a.GetFirst, roles: readers, summary: "What a viewer needs of the image that is shown first: that of the first finding, else the middle one of the first series", out: api.Manifest{}},
		{method: get, path: v1 + "/series/:uid/manifest", handle: a.GetManifest, roles: readers, summary: "What a viewer needs of a series, as columns: ?study=UID, and &instance=UID for one instance of it", out: api.Manifest{}},
		{method: get, path: v1 + "/instances/:uid/frames/:frame", handle: a.GetFrame, roles: readers, plain: true, summary: "The stored values of a frame (1-based), little endian"},
		{method: get, path: v1 + "/instances/:uid/preview", handle: a.GetPreview, roles: readers, plain: true, summary: "A JPEG of a frame: ?frame=1&w=1024"},
		{method: get, path: v1 + "/instances/:uid/attributes", handle: a.GetAttributes, roles: readers, summary: "The attributes of any object, within bounds", out: api.AttributeTable{}},
		{method: get, path: v1 + "/instances/:uid/segments", handle: a.GetSegments, roles: readers, summary: "How the frames of a segmentation lie on images", out: api.Segmentation{}},
		{method: get, path: v1 + "/instances/:uid/sr", handle: a.GetStructuredReport, roles: readers, summary: "The content tree of a structured report", out: api.StructuredReport{}},
		{method: get, path: v1 + "/instances/:uid/waveform", handle: a.GetWaveform, roles: readers, summary: "The curves of a waveform object, within bounds", out: api.WaveformView{}},
		{method: get, path: v1 + "/instances/:uid/document", handle: a.GetDocument, roles: readers, plain: true, summary: "An encapsulated document (PDF)"},
		{method: get, path: v1 + "/results/:id/stages/:name", handle: a.GetStage, roles: readers, plain: true, summary: "The picture of a pipeline step (PNG)"},

		{method: get, path: v1 + "/studies/:uid/priors", handle: a.GetPriors, roles: readers, summary: "The earlier studies of the patient with their signed reports", out: radnode.Priors{}},
		{method: get, path: v1 + "/vocabulary", handle: a.GetVocabulary, roles: readers, summary: "The findings that a reader can name by a word", out: api.Vocabulary{}},
		{method: get, path: v1 + "/reports/:id", handle: a.GetReport, roles: readers, summary: "A report; its ETag goes into If-Match of writes", out: radnode.Report{}},
		{method: put, path: v1 + "/reports/:id", handle: a.PutReport, roles: deciders, summary: "Set the texts of a draft (If-Match)", in: radnode.ReportText{}, out: radnode.Report{}},
		{method: post, path: v1 + "/reports/:id/narrative", handle: a.PostNarrative, roles: deciders, summary: "Compose the texts of a draft from the decisions, in en or zh (If-Match)", in: api.NarrativeRequest{}, out: radnode.Report{}},
		{method: post, path: v1 + "/reports/:id/findings", handle: a.PostFinding, roles: deciders, summary: "Add a reader's finding to a draft (If-Match)", in: radnode.ReadingChange{}, out: radnode.Report{}},
		{method: patch, path: v1 + "/reports/:id/findings/:fid", handle: a.PatchFinding, roles: deciders, summary: "Change what a draft states of a finding; the model's statement stays beside it (If-Match)", in: radnode.ReadingChange{}, out: radnode.Report{}},
		{method: post, path: v1 + "/reports/:id/findings/:fid/decision", handle: a.PostDecision, roles: deciders, summary: "Accept, reject or undo a finding (If-Match)", in: api.DecisionRequest{}, out: radnode.Report{}},
		{method: post, path: v1 + "/reports/:id/sign", handle: a.SignReport, roles: deciders, summary: "Sign a draft with the password of a person (If-Match)", in: api.SignRequest{}, out: radnode.Report{}},
		{method: post, path: v1 + "/reports/:id/cosign", handle: a.CosignReport, roles: deciders, summary: "Sign as the second reader (If-Match)", in: api.SignRequest{}, out: radnode.Report{}},
		{method: post, path: v1 + "/reports/:id/reopen", handle: a.ReopenReport, roles: deciders, summary: "Take the first of two signatures back (If-Match)", out: radnode.Report{}},
		{method: post, path: v1 + "/reports/:id/amend", handle: a.AmendReport, roles: deciders, summary: "Open a draft that will replace a signed report", out: radnode.Report{}},
		{method: post, path: v1 + "/reports/:id/addendum", handle: a.AddToReport, roles: deciders, summary: "Open a draft that adds a text to a signed report", in: api.AddendumRequest{}, out: radnode.Report{}},
		{method: get, path: v1 + "/reports/:id/deliveries", handle: a.GetDeliveries, roles: readers, summary: "Where the objects of a report stand", out: api.DeliveryList{}},
		{method: get, path: v1 + "/deliveries", handle: a.ListDeliveries, roles: movers, summary: "The deliveries of all reports, oldest first: state, destination, limit, offset", out: api.Outbox{}},
		{method: post, path: v1 + "/deliveries/retry", handle: a.RetryDeliveries, roles: movers, summary: "Try some or all deliveries that failed or wait now", in: api.RetryRequest{}, out: api.RetryResult{}},
		{method: post, path: v1 + "/deliveries/:id/retry", handle: a.RetryDelivery, roles: movers, summary: "Try a delivery now"},
		{method: get, path: v1 + "/destinations", handle: a.GetDestinations, roles: movers, summary: "Where signed reports go, and how that fares", out: api.DestinationList{}},

		{method: get, path: v1 + "/events", handle: a.GetEvents, roles: readers, plain: true, summary: "What changed, as server-sent events"},
		{method: post, path: v1 + "/analyze", handle: a.PostAnalyze, roles: readers, summary: "Read one DICOM, PNG or JPEG file at once: ?model=ID; Accept (or ?accept=) application/dicom answers the draft report, image/png the heat map of ?finding=LABEL", out: api.AnalysisList{}, bodyLimit: s.cfg.MaxUpload, longTime: uploadTime},
		{method: post, path: v1 + "/analyze/jobs", handle: a.PostAnalysisJob, roles: readers, summary: "Have one DICOM, PNG or JPEG file read later: ?model=ID, ?hook=URL is told when it is done", out: api.AnalysisJob{}, bodyLimit: s.cfg.MaxUpload, longTime: uploadTime},
		{method: get, path: v1 + "/analyze/jobs/:id", handle: a.GetAnalysisJob, roles: readers, summary: "Where such an analysis stands, and its findings", out: api.AnalysisJob{}},
		{method: del, path: v1 + "/analyze/jobs/:id", handle: a.DeleteAnalysisJob, roles: readers, summary: "Take such an analysis back, or forget its result"},
		{method: get, path: v1 + "/models", handle: a.GetModels, roles: everyone, summary: "The models", out: api.ModelList{}},
		{method: post, path: v1 + "/models/verify", handle: a.VerifyModels, roles: movers, summary: "Run the reference cases of the models again", out: api.SelfTestList{}, longTime: uploadTime},
		{method: get, path: v1 + "/models/:model/versions/:version/use", handle: a.GetModelUse, roles: movers, summary: "What a model stated of its newest 1000 images, and what readers made of it in the newest 1000 signed reports", out: radnode.ModelUse{}},
		{method: get, path: v1 + "/activity", handle: a.GetActivity, roles: movers, summary: "What was done in the last day by the hour, and what waits", out: radnode.Activity{}},
		{method: get, path: v1 + "/settings", handle: a.GetSettings, roles: admins, summary: "The options in force, without secrets", out: api.SettingList{}},
		{method: get, path: v1 + "/ledger", handle: a.GetLedger, roles: everyone, summary: "The balance of everything accepted", out: api.LedgerList{}},

		{method: get, path: v1 + "/peers", handle: a.GetPeers, roles: movers, summary: "The application entities", out: api.PeerList{}},
		{method: post, path: v1 + "/peers", handle: a.PostPeer, roles: admins, summary: "Add an application entity", in: radnode.Peer{}, out: radnode.Peer{}},
		{method: patch, path: v1 + "/peers/:name", handle: a.PatchPeer, roles: admins, summary: "Change an application entity; what is not named stays", in: radnode.Peer{}, out: radnode.Peer{}},
		{method: del, path: v1 + "/peers/:name", handle: a.DeletePeer, roles: admins, summary: "Remove an application entity"},
		{method: post, path: v1 + "/peers/:name/echo", handle: a.EchoPeer, roles: movers, summary: "Ask a peer whether it is there (C-ECHO)", out: api.EchoResult{}},
		{method: get, path: v1 + "/scheduled-steps", handle: a.GetSchedule, roles: movers, summary: "The modality worklist: scheduled procedure steps, those that are over too", out: api.ScheduledSteps{}},
		{method: post, path: v1 + "/scheduled-steps", handle: a.PostSchedule, roles: movers, summary: "Schedule procedure steps: items of the modality worklist in the DICOM JSON model", out: api.ScheduleAdded{}, bodyLimit: api.ScheduleLimit},
		{method: del, path: v1 + "/scheduled-steps/:uid/:name", handle: a.DeleteScheduledStep, roles: movers, summary: "Take a procedure step off the modality worklist"},
		{method: get, path: v1 + "/users", handle: a.GetUsers, roles: admins, summary: "The users", out: api.UserList{}},
		{method: post, path: v1 + "/users", handle: a.PostUser, roles: admins, summary: "Add a user", in: api.UserRequest{}, out: radnode.User{}},
		{method: patch, path: v1 + "/users/:name", handle: a.PatchUser, roles: admins, summary: "Change a user's password or turn the user off", in: api.UserChange{}, out: radnode.User{}},
		{method: get, path: v1 + "/tokens", handle: a.GetTokens, roles: admins, summary: "The tokens of programs", out: api.TokenList{}},
		{method: post, path: v1 + "/tokens", handle: a.PostToken, roles: admins, summary: "Make a token; it is shown this once", in: api.TokenRequest{}, out: api.NewToken{}},
		{method: patch, path: v1 + "/tokens/:name", handle: a.PatchToken, roles: admins, summary: "Limit a token: requests a minute and a day, 0 for no limit", in: auth.Limits{}},
		{method: del, path: v1 + "/tokens/:name", handle: a.DeleteToken, roles: admins, summary: "Revoke a token"},
		{method: get, path: v1 + "/audit", handle: a.GetAudit, roles: admins, summary: "The audit trail, newest first: before, since, actor, action, study, object, limit", out: api.AuditList{}},

		{method: post, path: v1 + "/models/reload", handle: i.Reload, roles: admins, summary: "Take up models that were added, replaced or retired", out: infer.ReloadResult{}, longTime: uploadTime},
		{method: get, path: v2, handle: i.Server, roles: readers, plain: true, summary: "Open Inference Protocol: this server", out: infer.ServerMetadata{}},
		{method: get, path: v2 + "/health/live", handle: i.Live, roles: readers, plain: true, summary: "Whether the server answers", out: infer.Liveness{}},
		{method: get, path: v2 + "/health/ready", handle: i.Ready, roles: readers, plain: true, summary: "Whether a worker is up", out: infer.Readiness{}},
		{method: get, path: v2 + "/models/:model", handle: i.Model, roles: readers, plain: true, summary: "The inputs and outputs of a model", out: infer.Metadata{}},
		{method: get, path: v2 + "/models/:model/versions/:version", handle: i.Model, roles: readers, plain: true, summary: "The inputs and outputs of a version of a model", out: infer.Metadata{}},
		{method: get, path: v2 + "/models/:model/ready", handle: i.ModelReady, roles: readers, plain: true, summary: "Whether a model can be run", out: infer.Readiness{}},
		{method: get, path: v2 + "/models/:model/versions/:version/ready", handle: i.ModelReady, roles: readers, plain: true, summary: "Whether a version of a model can be run", out: infer.Readiness{}},
		{method: post, path: v2 + "/models/:model/infer", handle: i.Infer, roles: readers, plain: true, summary: "Run a model on tensors; JSON or binary (docs/inference.md)", bodyLimit: infer.MaxBody},
		{method: post, path: v2 + "/models/:model/versions/:version/infer", handle: i.Infer, roles: readers, plain: true, summary: "Run a version of a model on tensors", bodyLimit: infer.MaxBody},
		{method: post, path: v2 + "/repository/index", handle: i.Index, roles: readers, plain: true, summary: "The models of the repository", in: infer.IndexRequest{}, out: []infer.IndexEntry{}},

		{method: get, path: "/viewer", handle: a.Viewer},
		{method: get, path: "/assets/:name", handle: s.asset, public: true, plain: true},
		{method: get, path: "/", handle: s.index, public: true, plain: true},
		{method: get, path: "/study/:uid", handle: s.index, public: true, plain: true},
		{method: get, path: "/models", handle: s.index, public: true, plain: true},
		{method: get, path: "/node", handle: s.index, public: true, plain: true},
	}...)
}
