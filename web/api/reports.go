package api

import (
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/web/middleware"
	"github.com/radnode/radnode/web/problem"
)

// GetReport answers one report. Its entity tag begins with the version that
// writes must name in If-Match.
func (a *API) GetReport(c echo.Context) error {
	id, err := idParam(c, "id")
	if err != nil {
		return err
	}
	r, err := a.Reports.Report(c.Request().Context(), id)
	if err != nil {
		return err
	}
	if err := a.shown(c, r, c.Request().Header.Get("If-None-Match")); err != nil {
		return err
	}
	return sendReport(c, r)
}

// shown records that a report with what models state was shown; not again to who
// has it in this version.
func (a *API) shown(c echo.Context, r *radnode.Report, seen string) error {
	var said []string
	for _, f := range r.Findings {
		if !f.Added() && len(said) < maxShown {
			said = append(said, fmt.Sprintf("%s %s: %s", f.Model.ID, f.Model.Version, statement(f.Finding)))
		}
	}
	if len(said) == 0 {
		return nil
	}
	e := audit.Event{Action: audit.ResultsShown, StudyUID: r.StudyInstanceUID, ObjectID: r.ID, Detail: strings.Join(said, "; ")}
	return a.recordOnce(c, e, strings.Contains(seen, fmt.Sprintf(`"%d.`, r.Version)))
}

func sendReport(c echo.Context, r *radnode.Report) error {
	return sendTagged(c, fmt.Sprintf("%d.", r.Version), r)
}

// PutReport changes the reader's own texts of a draft; what is left out stays.
func (a *API) PutReport(c echo.Context) error {
	var in radnode.ReportText
	id, version, err := change(c, &in)
	if err != nil {
		return err
	}
	for _, text := range []*string{in.Findings, in.Impression, in.Addendum} {
		if text != nil && (len(*text) > maxNarrative || !utf8.ValidString(*text)) {
			return radnode.Errorf(radnode.Invalid, "change report", "each text must be of at most %d bytes", maxNarrative)
		}
	}
	r, err := a.Reports.SetText(c.Request().Context(), middleware.UserOf(c), id, version, in)
	return a.changed(c, id, version, r, err)
}

// PostNarrative composes findings and impression of a draft from the decisions.
func (a *API) PostNarrative(c echo.Context) error {
	var in NarrativeRequest
	id, version, err := change(c, &in)
	if err != nil {
		return err
	}
	r, err := a.Reports.Compose(c.Request().Context(), middleware.UserOf(c), id, version, in.Language)
	return a.changed(c, id, version, r, err)
}

// decisions are the decisions a reader may take, or take back.
var decisions = map[radnode.Decision]bool{radnode.Accepted: true, radnode.Rejected: true, radnode.Undecided: true}

// PostDecision accepts, rejects or undoes one finding.
func (a *API) PostDecision(c echo.Context) error {
	var in DecisionRequest
	id, version, err := change(c, &in)
	if err != nil {
		return err
	}
	finding, err := idParam(c, "fid")
	if err != nil {
		return err
	}
	if !decisions[in.Decision] {
		return radnode.Errorf(radnode.Invalid, "decide", "a decision is accepted, rejected or undecided")
	}
	if len(in.Reason) > maxReason || !utf8.ValidString(in.Reason) {
		return radnode.Errorf(radnode.Invalid, "decide", "the reason must be text of at most %d bytes", maxReason)
	}
	r, err := a.Findings.Decide(c.Request().Context(), middleware.UserOf(c), id, finding, version, in.Decision, in.Reason)
	return a.changed(c, id, version, r, err)
}

// PostFinding adds a reader's finding to a draft.
func (a *API) PostFinding(c echo.Context) error {
	var in radnode.ReadingChange
	id, version, err := change(c, &in)
	if err != nil {
		return err
	}
	if !in.SOPInstanceUID.Usable() {
		return radnode.Errorf(radnode.Invalid, "add finding", "instance must be the UID of an image of the study")
	}
	r, err := a.Findings.AddFinding(c.Request().Context(), middleware.UserOf(c), id, version, in)
	return a.changed(c, id, version, r, err)
}

// PatchFinding changes what a draft states of a finding.
func (a *API) PatchFinding(c echo.Context) error {
	var in radnode.ReadingChange
	id, version, err := change(c, &in)
	if err != nil {
		return err
	}
	finding, err := idParam(c, "fid")
	if err != nil {
		return err
	}
	r, err := a.Findings.EditFinding(c.Request().Context(), middleware.UserOf(c), id, finding, version, in)
	return a.changed(c, id, version, r, err)
}

// GetVocabulary answers the findings that a reader can name by a word.
func (a *API) GetVocabulary(c echo.Context) error {
	return sendJSON(c, Vocabulary{Terms: append([]radnode.Term{}, a.Vocabulary...)})
}

// change reads what every write to a report has: its identifier, the version
// seen, and a body.
func change(c echo.Context, body any) (id string, version int64, err error) {
	if id, err = idParam(c, "id"); err != nil {
		return "", 0, err
	}
	if version, err = versionMatch(c); err != nil {
		return "", 0, err
	}
	return id, version, readJSON(c, body)
}

// changed answers a write. A conflict because another reader was faster is
// 412 (RFC 9110 13.1.1), any other conflict 409.
func (a *API) changed(c echo.Context, id string, version int64, r *radnode.Report, err error) error {
	if err == nil {
		return sendReport(c, r)
	}
	if radnode.CodeOf(err) == radnode.Conflict {
		now, readErr := a.Reports.Report(c.Request().Context(), id)
		if readErr == nil && now.Version != version {
			return problem.New(http.StatusPreconditionFailed, "the report was changed meanwhile; look at it again")
		}
	}
	return err
}
