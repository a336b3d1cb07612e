package web

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/web/ui"
)

// health says that the process answers.
func (s *Server) health(c echo.Context) error { return c.String(http.StatusOK, "ok\n") }

// ready says that the node can do its work. It tells strangers no more than
// yes or no; the reason is in the log.
func (s *Server) ready(c echo.Context) error {
	if s.cfg.Ready != nil {
		if err := s.cfg.Ready(c.Request()); err != nil {
			s.cfg.Log.Warn("not ready", "error", err)
			return c.String(http.StatusServiceUnavailable, "not ready\n")
		}
	}
	return c.String(http.StatusOK, "ready\n")
}

func (s *Server) metrics() echo.HandlerFunc {
	return echo.WrapHandler(promhttp.HandlerFor(s.cfg.Registry, promhttp.HandlerOpts{}))
}

func (s *Server) describe(c echo.Context) error {
	return c.JSONBlob(http.StatusOK, s.openapi)
}

// schema sends the JSON schema of a file that a site writes.
func (s *Server) schema(c echo.Context) error {
	body, ok := s.cfg.Schemas[c.Param("name")]
	if !ok {
		return radnode.Errorf(radnode.NotFound, "schemas", "there is no schema %q; see pipeline.json and model.json", c.Param("name"))
	}
	return c.Blob(http.StatusOK, "application/schema+json", body)
}

// index sends the page. It is the same for every address of the front end and
// holds nothing secret: what it shows, it asks the API for.
func (s *Server) index(c echo.Context) error {
	return s.send(c, "index.html", "no-cache")
}

// asset sends a file whose name holds the digest of its content.
func (s *Server) asset(c echo.Context) error {
	return s.send(c, "assets/"+c.Param("name"), "public, max-age=31536000, immutable")
}

func (s *Server) send(c echo.Context, name, cache string) error {
	c.Response().Header().Set(echo.HeaderCacheControl, cache)
	err := s.page.Serve(c.Response(), c.Request(), name)
	if errors.Is(err, ui.ErrNotFound) {
		return radnode.Errorf(radnode.NotFound, "page", "there is nothing at this address")
	}
	return err
}
