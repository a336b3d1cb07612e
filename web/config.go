package web

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/web/api"
	"github.com/radnode/radnode/web/dicomweb"
	"github.com/radnode/radnode/web/infer"
	"github.com/radnode/radnode/web/middleware"
)

// Config is what the server needs from the rest of the node. Every interface
// must be set; New names the ones that are missing.
type Config struct {
	Studies    api.Studies
	Files      api.Files
	Pixels     api.Pixels // frames.Cache over the pixel workers
	Reports    api.Reports
	Findings   api.Findings
	Signing    api.Signing
	Amending   api.Amending
	Deliveries api.Deliveries
	Events     api.Events
	Ledger     api.Ledger
	Peers      api.Peers
	Schedule   api.Schedule
	Echoer     api.Echoer
	Identity   api.Identity
	Sessions   api.Sessions
	Spending   middleware.Spending
	Users      api.Users
	Tokens     api.Tokens
	Models     api.Models
	Analyzer   api.Analyzer
	Audit      api.Audit
	Operations api.Operations
	Inference  infer.Models

	Jobs       *api.AnalysisJobs
	DICOMweb   *dicomweb.Service  // nil: not offered
	Origins    middleware.Origins // whose pages may use DICOMweb
	Vocabulary []radnode.Term     // findings that a reader can name by a word
	Schemas    map[string][]byte  // JSON schemas of the files that a site writes, by name

	Log      *slog.Logger
	Registry *prometheus.Registry      // nil: one of its own; the node adds its figures to it
	Ready    func(*http.Request) error // nil: always ready

	Version           string
	AETitle           string
	Notice            string // the site's words on the login page and beside findings
	SecureCookies     bool   // the site is reached by https only
	SharedWorkstation bool   // browsers must not keep pixels
	TempDir           string // for uploads; "" is the system's
	MaxUpload         int64  // bytes of one file to analyse; 0: 512 MiB
}

// check names the parts that are missing.
func (c *Config) check() error {
	var missing []string
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Type.Kind() == reflect.Interface && v.Field(i).IsNil() {
			missing = append(missing, f.Name)
		}
	}
	if c.Jobs == nil {
		missing = append(missing, "Jobs")
	}
	if c.Log == nil {
		missing = append(missing, "Log")
	}
	if len(missing) > 0 {
		return fmt.Errorf("web: the configuration lacks %s", strings.Join(missing, ", "))
	}
	if c.MaxUpload < 0 {
		return errors.New("web: MaxUpload is negative")
	}
	if c.MaxUpload == 0 {
		c.MaxUpload = 512 << 20
	}
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	return nil
}
