package api

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"regexp"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/web/middleware"
)

// maxSearch bounds the free text of a search.
const maxSearch = 128

var (
	datePattern     = regexp.MustCompile(`^\d{8}$`)
	modalityPattern = regexp.MustCompile(`^[A-Z0-9_ ]{1,16}$`)
)

// sortOrders are the orders of the worklist; a leading minus turns one round.
var sortOrders = map[string]struct {
	sort       string
	descending bool
}{
	"": {"urgency", false}, "urgency": {"urgency", false}, "-urgency": {"urgency", true},
	"received": {"received", false}, "-received": {"received", true},
	"name": {"name", false}, "-name": {"name", true},
	"date": {"date", false}, "-date": {"date", true},
}

var studyStates = map[radnode.StudyState]bool{
	"": true, radnode.Arriving: true, radnode.Analysing: true, radnode.ToReview: true, radnode.NotAnalysed: true,
	radnode.Signed: true, radnode.Delivered: true, radnode.Undelivered: true,
}

// ListStudies answers one page of the worklist.
func (a *API) ListStudies(c echo.Context) error {
	filter, err := studyFilter(c)
	if err != nil {
		return err
	}
	studies, total, err := a.Studies.Worklist(c.Request().Context(), filter)
	if err != nil {
		return err
	}
	if studies == nil {
		studies = []radnode.StudySummary{}
	}
	return sendJSON(c, StudyList{Studies: studies, Total: total})
}

func studyFilter(c echo.Context) (f radnode.StudyFilter, err error) {
	f = radnode.StudyFilter{
		Text: c.QueryParam("q"), From: c.QueryParam("from"), To: c.QueryParam("to"),
		Modality: c.QueryParam("modality"), State: radnode.StudyState(c.QueryParam("state")),
	}
	order, known := sortOrders[c.QueryParam("sort")]
	f.Sort, f.Descending = order.sort, order.descending
	switch {
	case len(f.Text) > maxSearch:
		return f, radnode.Errorf(radnode.Invalid, "read request", "q is longer than %d bytes", maxSearch)
	case f.From != "" && !datePattern.MatchString(f.From), f.To != "" && !datePattern.MatchString(f.To):
		return f, radnode.Errorf(radnode.Invalid, "read request", "from and to are dates as YYYYMMDD")
	case f.Modality != "" && !modalityPattern.MatchString(f.Modality):
		return f, radnode.Errorf(radnode.Invalid, "read request", "modality is a code such as CR")
	case !studyStates[f.State]:
		return f, radnode.Errorf(radnode.Invalid, "read request", "there is no such state")
	case !known:
		return f, radnode.Errorf(radnode.Invalid, "read request", "sort is urgency, received, name or date, with - to turn it round")
	}
	if f.Limit, err = intQuery(c, "limit", 100, 1, 500); err != nil {
		return f, err
	}
	f.Offset, err = intQuery(c, "offset", 0, 0, 1<<31-1)
	return f, err
}

// GetStudy answers everything the study page shows. The first look is recorded,
// and each look that shows results of models which this client has not seen:
// polling for other changes is not another access.
func (a *API) GetStudy(c echo.Context) error {
	uid, err := uidParam(c, "uid")
	if err != nil {
		return err
	}
	study, err := a.Studies.Study(c.Request().Context(), uid)
	if err != nil {
		return err
	}
	seen := c.Request().Header.Get("If-None-Match")
	if err := a.recordOnce(c, audit.Event{Action: audit.StudyViewed, StudyUID: uid}, seen != ""); err != nil {
		return err
	}
	shown, tag := shownResults(study.Results)
	if shown != "" {
		e := audit.Event{Action: audit.ResultsShown, StudyUID: uid, Detail: shown}
		if err := a.recordOnce(c, e, strings.Contains(seen, `"`+tag)); err != nil {
			return err
		}
	}
	return sendTagged(c, tag, study)
}

// recordOnce records an act unless the client says that it comes back for it and
// it was recorded a short while ago: what a client says does not keep it out of
// the trail.
func (a *API) recordOnce(c echo.Context, e audit.Event, again bool) error {
	act := middleware.UserOf(c).Name + "\n" + string(e.Action) + "\n" + string(e.StudyUID) + "\n" + e.ObjectID + "\n" + e.Detail
	if a.looked.Seen(act) && again {
		return nil
	}
	err := a.record(c, e)
	if err != nil {
		a.looked.Forget(act)
	}
	return err
}

// maxShown bounds the results that one row of the trail names.
const maxShown = 50

// shownResults says which results of models a study page shows, and gives them a
// tag that changes with them.
func shownResults(all []radnode.Result) (text, tag string) {
	hash := fnv.New64a()
	var rows []string
	for _, r := range all {
		_, _ = hash.Write([]byte(r.ID)) // a hash never fails; a filed result never changes
		if len(rows) == maxShown {
			continue
		}
		row := fmt.Sprintf("%s on %s (result %s): ", strings.TrimSpace(r.Model.ID+" "+r.Model.Version+" "+r.Model.Digest), r.SOPInstanceUID, r.ID)
		if !r.Gate.Accepted || r.Error != nil {
			row += "not analysed"
		}
		for i, f := range r.Findings {
			if i > 0 {
				row += ", "
			}
			row += statement(f)
		}
		rows = append(rows, row)
	}
	if n := len(all) - len(rows); n > 0 {
		rows = append(rows, fmt.Sprintf("and %d more results", n))
	}
	return strings.Join(rows, "; "), fmt.Sprintf("%x.", hash.Sum64())
}

// statement is what a model states of a finding, in few words.
func statement(f radnode.Finding) string {
	if f.IsNumber() {
		return fmt.Sprintf("%s %.6g %s", f.Label, f.Measurement.Value, f.Measurement.Unit)
	}
	return fmt.Sprintf("%s %.4f %s", f.Label, f.Probability, map[bool]string{true: "present", false: "absent"}[f.Present])
}

// GetPriors answers the earlier studies of the patient with their signed
// reports.
func (a *API) GetPriors(c echo.Context) error {
	uid, err := uidParam(c, "uid")
	if err != nil {
		return err
	}
	priors, err := a.Studies.Priors(c.Request().Context(), uid)
	if err != nil {
		return err
	}
	for _, p := range priors.Priors {
		if err := a.record(c, audit.Event{Action: audit.StudyViewed, StudyUID: p.StudyInstanceUID, Detail: "as a prior of " + string(uid)}); err != nil {
			return err
		}
		for i := range p.Reports {
			if err := a.shown(c, &p.Reports[i], ""); err != nil {
				return err
			}
		}
	}
	return sendJSON(c, priors)
}

// Viewer redirects the IHE Invoke Image Display form (RAD-106) to the study
// page, so that a RIS can open a study.
func (a *API) Viewer(c echo.Context) error {
	uid := radnode.UID(c.QueryParam("studyUID"))
	if c.QueryParam("requestType") != "STUDY" || !uid.Usable() {
		return radnode.Errorf(radnode.Invalid, "open viewer", "the address must be /viewer?requestType=STUDY&studyUID=UID")
	}
	return c.Redirect(http.StatusFound, "/study/"+string(uid))
}
