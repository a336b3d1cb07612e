package api

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/web/middleware"
	"github.com/radnode/radnode/web/problem"
)

// Login signs a browser in: a cookie that scripts cannot read, and the CSRF
// token that foreign pages cannot.
func (a *API) Login(c echo.Context) error {
	var in LoginRequest
	if err := readJSON(c, &in); err != nil {
		return err
	}
	user, err := a.prove(c, in.Name, in.Password)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	id, csrf, err := a.Sessions.NewSession(ctx, user)
	if err != nil {
		return err
	}
	if err := a.record(c, audit.Event{Action: audit.Login, Actor: user.Name}); err != nil {
		return err
	}
	c.SetCookie(a.cookie(c, id, 0))
	return c.JSON(http.StatusOK, a.sessionInfo(user, csrf))
}

// prove checks a name and password and slows down guessing, by name and by
// address. The answer never says which part was wrong.
func (a *API) prove(c echo.Context, name, password string) (radnode.User, error) {
	// A person who mistypes is slowed down at once, an address only after many
	// failures: behind a proxy one address is a whole site.
	person, address := strings.ToLower(name)+" from "+c.RealIP(), c.RealIP()
	if wait := max(a.logins.Wait(person), a.addresses.Wait(address)); wait > 0 {
		c.Response().Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		return radnode.User{}, problem.New(http.StatusTooManyRequests, "too many failed sign-ins; wait a few minutes and try again")
	}
	if name == "" || password == "" || len(name) > maxCredential || len(password) > maxCredential {
		a.addresses.Failed(address)
		return radnode.User{}, wrongCredentials()
	}
	user, err := a.Identity.Authenticate(c.Request().Context(), name, password)
	if err == nil && !user.Disabled {
		a.logins.Succeeded(person)
		return user, nil
	}
	if err != nil && radnode.CodeOf(err) != radnode.Unauthorized && radnode.CodeOf(err) != radnode.NotFound {
		return radnode.User{}, err
	}
	a.logins.Failed(person)
	a.addresses.Failed(address)
	// What was typed as the name is recorded only when it is a known name:
	// people type passwords into the name field.
	known, listErr := a.knownName(c, name)
	if listErr != nil {
		return radnode.User{}, listErr
	}
	if auditErr := a.record(c, audit.Event{Action: audit.LoginFailed, Actor: known, Failed: true}); auditErr != nil {
		return radnode.User{}, auditErr
	}
	return radnode.User{}, wrongCredentials()
}

func (a *API) knownName(c echo.Context, name string) (string, error) {
	users, err := a.Users.List(c.Request().Context())
	if err != nil {
		return "", err
	}
	if slices.ContainsFunc(users, func(u radnode.User) bool { return u.Name == name }) {
		return name, nil
	}
	return "unknown", nil
}

func wrongCredentials() error {
	return radnode.Errorf(radnode.Unauthorized, "sign in", "name or password is wrong")
}

// Logout ends the session.
func (a *API) Logout(c echo.Context) error {
	id := middleware.IdentityOf(c)
	if id.Session != "" {
		if err := a.Sessions.EndSession(c.Request().Context(), id.Session); err != nil {
			return err
		}
		if err := a.record(c, audit.Event{Action: audit.Logout}); err != nil {
			return err
		}
	}
	c.SetCookie(a.cookie(c, "", -1))
	c.Response().Header().Set("Clear-Site-Data", `"cache"`)
	return c.NoContent(http.StatusNoContent)
}

// Session tells a page that was loaded anew who it is signed in as.
func (a *API) Session(c echo.Context) error {
	id := middleware.IdentityOf(c)
	return c.JSON(http.StatusOK, a.sessionInfo(id.User, id.CSRF))
}

func (a *API) sessionInfo(user radnode.User, csrf string) SessionInfo {
	return SessionInfo{
		User: user, CSRF: csrf, Notice: a.Notice,
		Node: NodeInfo{Version: a.Version, AETitle: a.AETitle, Now: time.Now().UTC()},
	}
}

func (a *API) cookie(c echo.Context, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: middleware.SessionCookie, Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: a.SecureCookies || c.Request().TLS != nil,
	}
}

// record files an audit event with who and from where filled in. An act that
// cannot be recorded is not done (PS3.15 A.5: no act without its record).
func (a *API) record(c echo.Context, e audit.Event) error {
	if e.Actor == "" {
		e.Actor = middleware.UserOf(c).Name
	}
	e.At, e.Remote = time.Now().UTC(), c.RealIP()
	return a.Audit.Record(c.Request().Context(), e)
}
