package api

import (
	"net/http"
	"regexp"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
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

// GetStudy answers everything the study page shows.
func (a *API) GetStudy(c echo.Context) error {
	uid, err := uidParam(c, "uid")
	if err != nil {
		return err
	}
	study, err := a.Studies.Study(c.Request().Context(), uid)
	if err != nil {
		return err
	}
	if c.Request().Header.Get("If-None-Match") == "" {
		// The first look is recorded; polling for changes is not another access.
		if err := a.record(c, audit.Event{Action: audit.StudyViewed, StudyUID: uid}); err != nil {
			return err
		}
	}
	return sendJSON(c, study)
}

// Viewer redirects the IHE Invoke Image Display form (RAD-106) to the study
// page, so that a RIS can open a study.
func (a *API) Viewer(c echo.Context) error {
	uid := radnode.UID(c.QueryParam("studyUID"))
	if c.QueryParam("requestType") != "STUDY" || !uid.Valid() {
		return radnode.Errorf(radnode.Invalid, "open viewer", "the address must be /viewer?requestType=STUDY&studyUID=UID")
	}
	return c.Redirect(http.StatusFound, "/study/"+string(uid))
}
