package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/radnode/radnode/web/api"
	"github.com/radnode/radnode/web/dicomweb"
	"github.com/radnode/radnode/web/infer"
	"github.com/radnode/radnode/web/middleware"
	"github.com/radnode/radnode/web/problem"
	"github.com/radnode/radnode/web/ui"
)

// Times and sizes of one request. Streams and uploads set their own.
const (
	readTime   = time.Minute
	writeTime  = 2 * time.Minute
	uploadTime = 10 * time.Minute
	jsonLimit  = 64 << 10
)

// Server is the HTTP server of a node.
type Server struct {
	echo     *echo.Echo
	cfg      Config
	api      *api.API
	infer    *infer.Service
	page     *ui.Files
	openapi  []byte
	requests *prometheus.HistogramVec
}

// New makes the server; it listens where the caller lets it.
func New(cfg Config) (*Server, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	page, err := ui.Load()
	if err != nil {
		return nil, err
	}
	s := &Server{echo: echo.New(), cfg: cfg, page: page, api: &api.API{
		Studies: cfg.Studies, Files: cfg.Files, Pixels: cfg.Pixels, Reports: cfg.Reports, Findings: cfg.Findings,
		Signing: cfg.Signing, Amending: cfg.Amending, Vocabulary: cfg.Vocabulary,
		Deliveries: cfg.Deliveries, Events: cfg.Events, Ledger: cfg.Ledger, Peers: cfg.Peers, Schedule: cfg.Schedule, Echoer: cfg.Echoer,
		Identity: cfg.Identity, Sessions: cfg.Sessions, Users: cfg.Users, Tokens: cfg.Tokens, Models: cfg.Models,
		Analyzer: cfg.Analyzer, Jobs: cfg.Jobs, Audit: cfg.Audit, Operations: cfg.Operations, Log: cfg.Log, Version: cfg.Version, AETitle: cfg.AETitle,
		Notice: cfg.Notice, SecureCookies: cfg.SecureCookies, SharedWorkstation: cfg.SharedWorkstation, TempDir: cfg.TempDir,
	}}
	s.api.Prepare()
	if s.infer, err = infer.New(cfg.Inference, cfg.Version, cfg.Registry); err != nil {
		return nil, err
	}
	s.requests = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "radnode_http_request_seconds", Help: "Time to answer HTTP requests, by route and status.",
		Buckets: []float64{0.005, 0.02, 0.1, 0.5, 2, 10, 60},
	}, []string{"method", "route", "status"})
	if err := cfg.Registry.Register(s.requests); err != nil {
		return nil, err
	}
	if s.openapi, err = openapi(s.routes(), cfg.Version); err != nil {
		return nil, err
	}
	s.wire()
	return s, nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.echo.ServeHTTP(w, r) }

// wire puts the middleware and the routes together.
func (s *Server) wire() {
	s.echo.HideBanner, s.echo.HidePort = true, true
	s.echo.HTTPErrorHandler = answerError
	// Nobody is trusted to name another client's address unless a proxy is
	// configured in front, which then must overwrite these headers itself.
	s.echo.IPExtractor = echo.ExtractIPDirect()
	s.echo.Use(
		middleware.RequestID(),
		middleware.Log(s.cfg.Log, s.observe),
		middleware.Recover(s.cfg.Log),
		middleware.SecurityHeaders(),
		middleware.CORS(dicomweb.Root, s.cfg.Origins),
		middleware.Deadlines(readTime, writeTime),
	)
	signedIn := middleware.Authenticate(s.cfg.Identity, s.cfg.Sessions)
	for _, r := range s.routes() {
		chain := []echo.MiddlewareFunc{middleware.SameSite(s.originsOf(r.path))}
		if r.longTime != 0 {
			chain = append(chain, middleware.Deadlines(r.longTime, 2*r.longTime))
		}
		if !r.public {
			chain = append(chain, signedIn, middleware.Quota(s.cfg.Spending), middleware.RequireRole(r.roles...), middleware.CSRF())
		}
		limit := r.bodyLimit
		if limit == 0 {
			limit = jsonLimit
		}
		chain = append(chain, middleware.BodyLimit(limit))
		if !r.plain {
			chain = append(chain, middleware.GzipJSON())
		}
		s.echo.Add(r.method, r.path, r.handle, chain...)
	}
}

// originsOf are the origins that may write to an address.
func (s *Server) originsOf(path string) middleware.Origins {
	if strings.HasPrefix(path, dicomweb.Root) {
		return s.cfg.Origins
	}
	return nil
}

// answerError answers a request with an error in the form of its protocol.
func answerError(err error, c echo.Context) {
	if path := c.Request().URL.Path; path == v2 || strings.HasPrefix(path, v2+"/") {
		infer.WriteError(c, err)
		return
	}
	problem.Write(c, err)
}

func (s *Server) observe(method, route string, status int, took time.Duration) {
	if _, known := knownMethods[method]; !known {
		method = "other"
	}
	s.requests.WithLabelValues(method, route, strconv.Itoa(status)).Observe(took.Seconds())
}

// knownMethods keeps strange methods from becoming metric labels.
var knownMethods = map[string]struct{}{
	http.MethodGet: {}, http.MethodHead: {}, http.MethodPost: {}, http.MethodPut: {}, http.MethodPatch: {},
	http.MethodDelete: {}, http.MethodOptions: {},
}
