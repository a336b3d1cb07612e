package api

import (
	"fmt"
	"net/http"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
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
	return sendReport(c, r)
}

func sendReport(c echo.Context, r *radnode.Report) error {
	return sendTagged(c, fmt.Sprintf("%d.", r.Version), r)
}

// PutReport changes the reader's own text of a draft.
func (a *API) PutReport(c echo.Context) error {
	var in ReportChange
	id, version, err := change(c, &in)
	if err != nil {
		return err
	}
	if len(in.Impression) > maxImpression || !utf8.ValidString(in.Impression) {
		return radnode.Errorf(radnode.Invalid, "change report", "the impression must be text of at most %d bytes", maxImpression)
	}
	r, err := a.Reports.SetImpression(c.Request().Context(), middleware.UserOf(c), id, version, in.Impression)
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
	r, err := a.Reports.Decide(c.Request().Context(), middleware.UserOf(c), id, finding, version, in.Decision, in.Reason)
	return a.changed(c, id, version, r, err)
}

// SignReport makes a draft final. A browser proves the reader anew by the
// password; a program's bearer token is proof on every request already.
func (a *API) SignReport(c echo.Context) error {
	var in SignRequest
	id, version, err := change(c, &in)
	if err != nil {
		return err
	}
	identity := middleware.IdentityOf(c)
	if identity.Session != "" {
		user, err := a.prove(c, identity.User.Name, in.Password)
		if radnode.CodeOf(err) == radnode.Unauthorized {
			// Not 401: the session is good, only this proof is not.
			return radnode.Errorf(radnode.Forbidden, "sign", "the password is wrong; nothing was signed")
		}
		if err != nil {
			return err
		}
		if !user.MaySign() {
			return radnode.Errorf(radnode.Forbidden, "sign", "only a radiologist may sign")
		}
	}
	r, err := a.Signing.Sign(c.Request().Context(), identity.User, id, version)
	return a.changed(c, id, version, r, err)
}

// AmendReport opens a new draft that will replace a signed report.
func (a *API) AmendReport(c echo.Context) error {
	id, err := idParam(c, "id")
	if err != nil {
		return err
	}
	r, err := a.Signing.Amend(c.Request().Context(), middleware.UserOf(c), id)
	if err != nil {
		return err
	}
	return sendReport(c, r)
}

// GetDeliveries answers where the objects of a report stand on their way.
func (a *API) GetDeliveries(c echo.Context) error {
	id, err := idParam(c, "id")
	if err != nil {
		return err
	}
	list, err := a.Deliveries.Deliveries(c.Request().Context(), id)
	if err != nil {
		return err
	}
	if list == nil {
		list = []radnode.Delivery{}
	}
	return sendJSON(c, DeliveryList{Deliveries: list})
}

// RetryDelivery tries a failed or waiting delivery now.
func (a *API) RetryDelivery(c echo.Context) error {
	id, err := idParam(c, "id")
	if err != nil {
		return err
	}
	if err := a.Deliveries.RetryDelivery(c.Request().Context(), middleware.UserOf(c), id); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
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
