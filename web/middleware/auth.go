package middleware

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
)

// SessionCookie is the name of the cookie that keeps a browser signed in.
const SessionCookie = "radnode_session"

// maxCredential bounds tokens and cookies before anything looks them up.
const maxCredential = 512

// Tokens knows the holder of a bearer token.
type Tokens interface {
	Token(ctx context.Context, bearer string) (radnode.User, error)
}

// Sessions knows the holder of a session and the session's CSRF token.
type Sessions interface {
	Session(ctx context.Context, id string) (user radnode.User, csrf string, err error)
}

// Identity is who makes a request and by which proof.
type Identity struct {
	User    radnode.User
	Session string // "" when a bearer token was the proof
	CSRF    string

	again func() (Identity, error)
}

const identityKey = "radnode.identity"

// IdentityOf returns who makes the request; the zero value before Authenticate.
func IdentityOf(c echo.Context) Identity {
	id, _ := c.Get(identityKey).(Identity)
	return id
}

// UserOf returns the user who makes the request.
func UserOf(c echo.Context) radnode.User { return IdentityOf(c).User }

// Authenticate finds out who makes the request: a bearer token
// (RFC 6750 2.1) wins over the session cookie. No proof, no answer.
func Authenticate(tokens Tokens, sessions Sessions) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			id, err := identify(c, tokens, sessions)
			if err != nil {
				return err
			}
			if id.User.Disabled {
				return radnode.Errorf(radnode.Unauthorized, "authenticate", "this user is disabled")
			}
			id.again = func() (Identity, error) { return identify(c, tokens, sessions) }
			c.Set(identityKey, id)
			c.SetRequest(c.Request().WithContext(audit.From(c.Request().Context(), c.RealIP())))
			return next(c)
		}
	}
}

// StillAllowed looks again whether the proof that a stream began with holds:
// sessions end, tokens are revoked and roles are taken away meanwhile.
func StillAllowed(c echo.Context) error {
	id := IdentityOf(c)
	if id.again == nil {
		return radnode.Errorf(radnode.Unauthorized, "authenticate", "sign in first")
	}
	now, err := id.again()
	if err == nil && (now.User.Disabled || now.User.Role != id.User.Role || now.User.Name != id.User.Name) {
		err = radnode.Errorf(radnode.Unauthorized, "authenticate", "the rights have changed; sign in again")
	}
	return err
}

func identify(c echo.Context, tokens Tokens, sessions Sessions) (Identity, error) {
	ctx := c.Request().Context()
	if header := c.Request().Header.Get(echo.HeaderAuthorization); header != "" {
		scheme, bearer, _ := strings.Cut(header, " ")
		bearer = strings.TrimSpace(bearer)
		if !strings.EqualFold(scheme, "Bearer") || bearer == "" || len(bearer) > maxCredential {
			return Identity{}, radnode.Errorf(radnode.Unauthorized, "authenticate", "the Authorization header must be \"Bearer TOKEN\"")
		}
		user, err := tokens.Token(ctx, bearer)
		return Identity{User: user}, err
	}
	cookie, err := c.Cookie(SessionCookie)
	if err != nil || cookie.Value == "" || len(cookie.Value) > maxCredential {
		return Identity{}, radnode.Errorf(radnode.Unauthorized, "authenticate", "sign in first")
	}
	user, csrf, err := sessions.Session(ctx, cookie.Value)
	return Identity{User: user, Session: cookie.Value, CSRF: csrf}, err
}

// RequireRole lets only users of one of the roles pass; no roles means any
// user who is signed in.
func RequireRole(roles ...radnode.Role) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if len(roles) > 0 && !slices.Contains(roles, UserOf(c).Role) {
				return radnode.Errorf(radnode.Forbidden, "authorise", "the role %q may not do this", UserOf(c).Role)
			}
			return next(c)
		}
	}
}

// isSafe reports whether a method changes nothing (RFC 9110 9.2.1).
func isSafe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}
