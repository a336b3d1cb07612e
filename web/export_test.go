package web

import (
	"net/http"
	"slices"

	"github.com/radnode/radnode"
)

// Route is one line of the list, for tests that walk it.
type Route struct {
	Method, Path string
	roles        []radnode.Role
}

// Allows reports whether the route is for the role.
func (r Route) Allows(role radnode.Role) bool {
	return len(r.roles) == 0 || slices.Contains(r.roles, role)
}

// RoutesOf returns the routes of a server.
func RoutesOf(h http.Handler) []Route {
	var out []Route
	for _, r := range h.(*Server).routes() {
		out = append(out, Route{r.method, r.path, r.roles})
	}
	return out
}
