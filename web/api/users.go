package api

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/auth"
	"github.com/radnode/radnode/web/middleware"
)

// minPassword follows NIST SP 800-63B 5.1.1.2: length counts, not composition.
const minPassword = 8

var userName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$`)

// GetUsers answers who may sign in.
func (a *API) GetUsers(c echo.Context) error {
	users, err := a.Users.List(c.Request().Context())
	if err != nil {
		return err
	}
	if users == nil {
		users = []radnode.User{}
	}
	return sendJSON(c, UserList{Users: users})
}

// PostUser adds a user.
func (a *API) PostUser(c echo.Context) error {
	var in UserRequest
	if err := readJSON(c, &in); err != nil {
		return err
	}
	if !userName.MatchString(in.Name) || len(in.FullName) > 64 || !utf8.ValidString(in.FullName) || !slices.Contains(radnode.Roles, in.Role) {
		return radnode.Errorf(radnode.Invalid, "add user", "a user needs a name of letters and digits, a role, and a full name of at most 64 bytes")
	}
	if err := checkPassword(in.Password); err != nil {
		return err
	}
	_, exists, err := a.user(c, in.Name)
	if err != nil {
		return err
	}
	if exists {
		return radnode.Errorf(radnode.Conflict, "add user", "there is a user of this name already")
	}
	return a.saveUser(c, in.User, in.Password, http.StatusCreated, "added as "+string(in.Role))
}

func (a *API) user(c echo.Context, name string) (radnode.User, bool, error) {
	users, err := a.Users.List(c.Request().Context())
	if err != nil {
		return radnode.User{}, false, err
	}
	at := slices.IndexFunc(users, func(u radnode.User) bool { return u.Name == name })
	if at < 0 {
		return radnode.User{}, false, nil
	}
	return users[at], true, nil
}

func (a *API) saveUser(c echo.Context, u radnode.User, password string, status int, detail string) error {
	if err := a.Users.Save(c.Request().Context(), u, password); err != nil {
		return err
	}
	if err := a.record(c, audit.Event{Action: audit.AccountChanged, ObjectID: u.Name, Detail: detail}); err != nil {
		return err
	}
	return c.JSON(status, u)
}

func checkPassword(p string) error {
	if utf8.RuneCountInString(p) < minPassword || len(p) > maxCredential {
		return radnode.Errorf(radnode.Invalid, "set password", "a password has at least %d characters and at most %d bytes", minPassword, maxCredential)
	}
	return nil
}

// PatchUser changes the password of a user or turns the user off and on.
func (a *API) PatchUser(c echo.Context) error {
	var in UserChange
	if err := readJSON(c, &in); err != nil {
		return err
	}
	u, exists, err := a.user(c, c.Param("name"))
	if err != nil {
		return err
	}
	if !exists {
		return radnode.Errorf(radnode.NotFound, "change user", "there is no such user")
	}
	detail, password := "", ""
	if in.Password != nil {
		if err := checkPassword(*in.Password); err != nil {
			return err
		}
		password, detail = *in.Password, "password changed"
	}
	if in.Disabled != nil {
		if *in.Disabled && u.Name == middleware.UserOf(c).Name {
			return radnode.Errorf(radnode.Conflict, "change user", "you cannot disable yourself")
		}
		u.Disabled = *in.Disabled
		detail += map[bool]string{true: " disabled", false: " enabled"}[*in.Disabled]
	}
	return a.saveUser(c, u, password, http.StatusOK, strings.TrimSpace(detail))
}

// GetTokens answers which programs may come in.
func (a *API) GetTokens(c echo.Context) error {
	tokens, err := a.Tokens.Tokens(c.Request().Context())
	if err != nil {
		return err
	}
	if tokens == nil {
		tokens = []auth.Token{}
	}
	return sendJSON(c, TokenList{Tokens: tokens})
}

// PostToken makes a token.
func (a *API) PostToken(c echo.Context) error {
	var in TokenRequest
	if err := readJSON(c, &in); err != nil {
		return err
	}
	if !peerName.MatchString(in.Name) || !slices.Contains(radnode.Roles, in.Role) {
		return radnode.Errorf(radnode.Invalid, "make token", "a token needs a name of letters and digits and a role")
	}
	token, err := a.Tokens.CreateToken(c.Request().Context(), in.Name, in.Role, "")
	if err != nil {
		return err
	}
	if in.Limits != (auth.Limits{}) {
		if err := a.Tokens.SetLimits(c.Request().Context(), in.Name, in.Limits); err != nil {
			return err
		}
	}
	if err := a.record(c, audit.Event{Action: audit.TokenCreated, ObjectID: in.Name, Detail: "made as " + string(in.Role)}); err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, NewToken{Token: token})
}

// PatchToken sets what the holder of a token may ask for.
func (a *API) PatchToken(c echo.Context) error {
	name, err := idParam(c, "name")
	if err != nil {
		return err
	}
	var in auth.Limits
	if err := readJSON(c, &in); err != nil {
		return err
	}
	if err := a.Tokens.SetLimits(c.Request().Context(), name, in); err != nil {
		return err
	}
	if err := a.record(c, audit.Event{Action: audit.AccountChanged, ObjectID: name, Detail: fmt.Sprintf("limited to %d requests a minute, %d a day (0: no limit)", in.PerMinute, in.PerDay)}); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// DeleteToken revokes a token.
func (a *API) DeleteToken(c echo.Context) error {
	name, err := idParam(c, "name")
	if err != nil {
		return err
	}
	if err := a.Tokens.RevokeToken(c.Request().Context(), name); err != nil {
		return err
	}
	if err := a.record(c, audit.Event{Action: audit.AccountChanged, ObjectID: name, Detail: "token revoked"}); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
