package api

import (
	"context"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/web/middleware"
)

// SignReport makes a draft final, or gives it the first of two signatures.
func (a *API) SignReport(c echo.Context) error { return a.sign(c, a.Signing.Sign) }

// CosignReport gives a report its second signature, by another person.
func (a *API) CosignReport(c echo.Context) error { return a.sign(c, a.Signing.Cosign) }

// sign proves the person anew by the password: a signature is a person's. A
// program, whose token is no person, names the one who signs through it.
func (a *API) sign(c echo.Context, act func(context.Context, radnode.User, string, int64) (*radnode.Report, error)) error {
	const op = "sign"
	var in SignRequest
	id, version, err := change(c, &in)
	if err != nil {
		return err
	}
	identity := middleware.IdentityOf(c)
	name := in.Name
	switch {
	case identity.Session != "" && name == "":
		name = identity.User.Name
	case identity.Session != "" && name != identity.User.Name:
		return radnode.Errorf(radnode.Forbidden, op, "only who is signed in can sign here")
	case name == "" || in.Password == "":
		return radnode.Errorf(radnode.Forbidden, op, "a signature is a person's: send the name and password of who signs")
	}
	user, err := a.prove(c, name, in.Password)
	if radnode.CodeOf(err) == radnode.Unauthorized {
		if err := a.record(c, audit.Event{Action: audit.ReportSigned, ObjectID: id, Failed: true, Detail: "the password is wrong"}); err != nil {
			return err
		}
		// Not 401: the session or token is good, only this proof is not.
		return radnode.Errorf(radnode.Forbidden, op, "the password is wrong; nothing was signed")
	}
	if err != nil {
		return err
	}
	if !user.MaySign() {
		return radnode.Errorf(radnode.Forbidden, op, "only a radiologist may sign")
	}
	r, err := act(c.Request().Context(), user, id, version)
	return a.changed(c, id, version, r, err)
}

// ReopenReport takes the first of two signatures back.
func (a *API) ReopenReport(c echo.Context) error {
	id, err := idParam(c, "id")
	if err != nil {
		return err
	}
	version, err := versionMatch(c)
	if err != nil {
		return err
	}
	r, err := a.Signing.Reopen(c.Request().Context(), middleware.UserOf(c), id, version)
	return a.changed(c, id, version, r, err)
}

// AmendReport opens a new draft that will replace a signed report.
func (a *API) AmendReport(c echo.Context) error {
	id, err := idParam(c, "id")
	if err != nil {
		return err
	}
	r, err := a.Amending.Amend(c.Request().Context(), middleware.UserOf(c), id)
	if err != nil {
		return err
	}
	return sendReport(c, r)
}

// AddToReport opens a draft that adds a text to a signed report.
func (a *API) AddToReport(c echo.Context) error {
	id, err := idParam(c, "id")
	if err != nil {
		return err
	}
	var in AddendumRequest
	if err := readJSON(c, &in); err != nil {
		return err
	}
	r, err := a.Amending.Addend(c.Request().Context(), middleware.UserOf(c), id, in.Text)
	if err != nil {
		return err
	}
	return sendReport(c, r)
}
