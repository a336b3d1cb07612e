package node

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/web/middleware"
	"github.com/radnode/radnode/workflow"
)

// Config is the whole configuration of a node. Options come, each over the
// one before, from the defaults, the YAML file, the environment and the flags.
type Config struct {
	Data          string        `yaml:"data"`
	AETitle       string        `yaml:"ae"`
	DICOM         string        `yaml:"dicom"`
	HTTP          string        `yaml:"http"`
	HTTPTLS       bool          `yaml:"http_tls"`
	Origins       string        `yaml:"web_origins"`
	WebDelete     bool          `yaml:"web_delete"`
	Hooks         string        `yaml:"hook_origins"`
	AllowLoopback bool          `yaml:"allow_loopback"`
	Quiet         time.Duration `yaml:"quiet"`
	Associations  int           `yaml:"associations"`
	Matches       int           `yaml:"matches"`
	TLS           string        `yaml:"dicom_tls"`
	TLSCert       string        `yaml:"tls_certificate"`
	TLSKey        string        `yaml:"tls_key"`
	TLSTrust      string        `yaml:"tls_authorities"`
	Worker        string        `yaml:"worker"`
	Workers       int           `yaml:"workers"`
	WorkerMemory  int           `yaml:"worker_memory_mb"`
	WorkerTimeout time.Duration `yaml:"worker_timeout"`
	Limits        Limits        `yaml:",inline"`
	Calls         Calls         `yaml:",inline"`
	ONNXRuntime   string        `yaml:"onnxruntime"`
	Providers     string        `yaml:"providers"`
	Models        string        `yaml:"models"`
	Organisation  string        `yaml:"organisation"`
	SecondReader  bool          `yaml:"second_reader"`
	Peers         string        `yaml:"peers"`
	Tokens        string        `yaml:"tokens"`
	AdminPassword string        `yaml:"admin_password"`
}

// option is one setting: its name in the file and as a flag, its variable in
// the environment, and what it does.
type option struct {
	name, env, doc string
	field          func(*Config) any
	secret         bool // not accepted as a flag (other users see arguments) and never printed
}

var options = []option{
	{"data", "RADNODE_DATA", "folder of images, index and results; created with access for its owner only", func(c *Config) any { return &c.Data }, false},
	{"ae", "RADNODE_AE", "our application entity title, 1 to 16 characters", func(c *Config) any { return &c.AETitle }, false},
	{"dicom", "RADNODE_DICOM_ADDR", "address of the DICOM port", func(c *Config) any { return &c.DICOM }, false},
	{"http", "RADNODE_HTTP_ADDR", "address of viewer, API and DICOMweb", func(c *Config) any { return &c.HTTP }, false},
	{"http_tls", "RADNODE_HTTP_TLS", "speak TLS (and HTTP/2) on the address of viewer, API and DICOMweb, with tls_certificate and tls_key", func(c *Config) any { return &c.HTTPTLS }, false},
	{"web_origins", "RADNODE_WEB_ORIGINS", "origins of web viewers elsewhere that may use DICOMweb from a browser, such as https://viewer.example, with commas; empty: none", func(c *Config) any { return &c.Origins }, false},
	{"web_delete", "RADNODE_WEB_DELETE", "let administrators delete studies over DICOMweb; one with a signed report stays", func(c *Config) any { return &c.WebDelete }, false},
	{"hook_origins", "RADNODE_HOOK_ORIGINS", "origins that may be told when an analysis is done, such as https://ris.example, with commas; empty: none", func(c *Config) any { return &c.Hooks }, false},
	{"allow_loopback", "RADNODE_ALLOW_LOOPBACK", "let any AE title call from this machine itself (a demonstration, a test)", func(c *Config) any { return &c.AllowLoopback }, false},
	{"quiet", "RADNODE_QUIET", "a study is whole when nothing arrived for so long", func(c *Config) any { return &c.Quiet }, false},
	{"associations", "RADNODE_ASSOCIATIONS", "most associations at once; further callers are asked to come later", func(c *Config) any { return &c.Associations }, false},
	{"matches", "RADNODE_MATCHES", "most matches of one query (C-FIND)", func(c *Config) any { return &c.Matches }, false},
	{"dicom_tls", "RADNODE_DICOM_TLS_ADDR", "address of a second DICOM port that speaks TLS; empty: none", func(c *Config) any { return &c.TLS }, false},
	{"tls_certificate", "RADNODE_TLS_CERTIFICATE", "file with our certificate chain (PEM), for the TLS port and for peers that ask for one; read again when it changes", func(c *Config) any { return &c.TLSCert }, false},
	{"tls_key", "RADNODE_TLS_KEY", "file with the private key of the certificate (PEM)", func(c *Config) any { return &c.TLSKey }, false},
	{"tls_authorities", "RADNODE_TLS_AUTHORITIES", "file with the authorities (PEM) that vouch for peers: callers on the TLS port must then show a certificate; empty: callers need none, and the system's authorities vouch for peers we call", func(c *Config) any { return &c.TLSTrust }, false},
	{"unknown_classes", "RADNODE_UNKNOWN_CLASSES", "take storage of SOP classes that the standard does not know, private ones among them", func(c *Config) any { return &c.Calls.UnknownClasses }, false},
	{"unknown_syntaxes", "RADNODE_UNKNOWN_SYNTAXES", "take storage in transfer syntaxes that the standard does not know; they are read as explicit little endian and sent only as stored", func(c *Config) any { return &c.Calls.UnknownSyntaxes }, false},
	{"identity", "RADNODE_IDENTITY", "user identities of callers: ignore (neither checked nor answered), check (one that is offered must be right) or require (every caller offers one that is right); `radnode peer` can require it of one peer", func(c *Config) any { return &c.Calls.Identity }, false},
	{"identity_kinds", "RADNODE_IDENTITY_KINDS", "kinds of identity that are accepted, with commas: passcode (of an account, or of a peer with its AE title as the name), jwt, name (of an account, without proof), saml (taken without verification)", func(c *Config) any { return &c.Calls.IdentityKinds }, false},
	{"identity_key", "RADNODE_IDENTITY_KEY", "file with the key that JSON web tokens are verified with: a public key or certificate (PEM), or a shared key; empty: tokens are refused", func(c *Config) any { return &c.Calls.IdentityKey }, false},
	{"identity_issuer", "RADNODE_IDENTITY_ISSUER", "issuer that JSON web tokens must name; empty: any", func(c *Config) any { return &c.Calls.IdentityIssuer }, false},
	{"identity_audience", "RADNODE_IDENTITY_AUDIENCE", "audience that JSON web tokens must name; empty: any", func(c *Config) any { return &c.Calls.IdentityAudience }, false},
	{"worker", "RADNODE_WORKER", "program of the pixel worker; empty: radnode-pixel beside this program", func(c *Config) any { return &c.Worker }, false},
	{"workers", "RADNODE_WORKERS", "pixel worker processes", func(c *Config) any { return &c.Workers }, false},
	{"worker_memory_mb", "RADNODE_WORKER_MEMORY_MB", "memory limit of one pixel worker; a worker over it is replaced", func(c *Config) any { return &c.WorkerMemory }, false},
	{"worker_timeout", "RADNODE_WORKER_TIMEOUT", "longest time for one image; a worker over it is replaced", func(c *Config) any { return &c.WorkerTimeout }, false},
	{"onnxruntime", "RADNODE_ONNXRUNTIME", "file libonnxruntime.so.1; empty: the one that make fetched", func(c *Config) any { return &c.ONNXRuntime }, false},
	{"providers", "RADNODE_PROVIDERS", "execution providers in the order to try, with commas: tensorrt, cuda, openvino, webgpu, cpu", func(c *Config) any { return &c.Providers }, false},
	{"models", "RADNODE_MODELS", "folder of further model packages beside the bundled ones; empty: models in the data folder", func(c *Config) any { return &c.Models }, false},
	{"organisation", "RADNODE_ORGANISATION", "verifying organisation named in signed reports", func(c *Config) any { return &c.Organisation }, false},
	{"second_reader", "RADNODE_SECOND_READER", "a report needs the signatures of two persons", func(c *Config) any { return &c.SecondReader }, false},
	{"peers", "RADNODE_PEERS", "peers to know from the start, NAME=AE@HOST:PORT with commas, all services allowed; `radnode peer add` adds more", func(c *Config) any { return &c.Peers }, false},
	{"tokens", "RADNODE_TOKENS", "API tokens to know from the start, NAME:ROLE:TOKEN with commas", func(c *Config) any { return &c.Tokens }, true},
	{"admin_password", "RADNODE_ADMIN_PASSWORD", "password of the account admin on first start; empty: one is made and printed", func(c *Config) any { return &c.AdminPassword }, true},
}

// DefaultConfig is the embedded default: loopback only, nobody allowed.
func DefaultConfig() Config {
	return Config{
		Data: "data", AETitle: "RADNODE", DICOM: "127.0.0.1:11112", HTTP: "127.0.0.1:8080",
		Quiet: 5 * time.Second, Associations: 200, Matches: 100_000, Calls: Calls{Identity: identityIgnored, UnknownClasses: true, IdentityKinds: "passcode,jwt"},
		Workers: max(1, runtime.NumCPU()/2), WorkerMemory: 4096, WorkerTimeout: 2 * time.Minute,
		Limits:    defaultLimits(),
		Providers: "cuda,webgpu,cpu", Organisation: "not stated",
	}
}

// maxConfigFile limits the configuration file.
const maxConfigFile = 1 << 20

// Load reads the configuration: defaults, then the file (if file is not
// empty), then the environment.
func Load(file string, getenv func(string) string) (Config, error) {
	c := DefaultConfig()
	if file != "" {
		if err := c.readFile(file); err != nil {
			return c, err
		}
	}
	for _, o := range slices.Concat(options, limitOptions) {
		if text := getenv(o.env); text != "" {
			if err := setText(o.field(&c), text); err != nil {
				return c, radnode.Errorf(radnode.Invalid, "configuration", "environment variable %s: %w", o.env, err)
			}
		}
	}
	return c, nil
}

func (c *Config) readFile(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return radnode.Errorf(radnode.Invalid, "configuration", "cannot open the file: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxConfigFile+1))
	if err != nil || len(text) > maxConfigFile {
		return radnode.Errorf(radnode.Invalid, "configuration", "cannot read %s: it is unreadable or over %d bytes", file, maxConfigFile)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(c); err != nil && !errors.Is(err, io.EOF) {
		return radnode.Errorf(radnode.Invalid, "configuration", "%s: %w", file, err)
	}
	return nil
}

// AddFlags gives flags every option that is no secret.
func (c *Config) AddFlags(flags *flag.FlagSet) {
	for _, o := range slices.Concat(options, limitOptions) {
		if o.secret {
			continue
		}
		field := o.field(c)
		name := strings.ReplaceAll(o.name, "_", "-")
		if b, ok := field.(*bool); ok {
			flags.BoolVar(b, name, *b, o.doc)
			continue
		}
		flags.Func(name, fmt.Sprintf("%s (default %s)", o.doc, quoted(field)), func(text string) error { return setText(field, text) })
	}
}

func setText(field any, text string) error {
	switch f := field.(type) {
	case *string:
		*f = text
		return nil
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%q is no whole number", text)
		}
		*f = n
		return nil
	case *bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		*f = b
		return nil
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is no duration such as 5s or 2m", text)
		}
		*f = d
		return nil
	}
	return fmt.Errorf("an option of type %T cannot be set", field)
}

func quoted(field any) string {
	switch f := field.(type) {
	case *string:
		return strconv.Quote(*f)
	case *int:
		return strconv.Itoa(*f)
	case *bool:
		return strconv.FormatBool(*f)
	case *time.Duration:
		return f.String()
	}
	return "?"
}

// Print writes the effective configuration as a YAML file with comments.
// Secrets are left out.
func (c Config) Print(w io.Writer) error {
	for _, o := range slices.Concat(options, limitOptions) {
		value := quoted(o.field(&c))
		if o.secret {
			value = `""`
		}
		if _, err := fmt.Fprintf(w, "# %s (%s)\n%s: %s\n", o.doc, o.env, o.name, value); err != nil {
			return err
		}
	}
	return nil
}

// Check refuses a configuration that cannot work.
func (c Config) Check() error {
	const op = "configuration"
	switch {
	case c.Data == "":
		return radnode.Errorf(radnode.Invalid, op, "data: name a folder")
	case !ValidAETitle(c.AETitle):
		return radnode.Errorf(radnode.Invalid, op, "ae: %q is no AE title (1 to 16 characters, no backslash, no control characters)", c.AETitle)
	case c.Workers < 1 || c.Workers > 64:
		return radnode.Errorf(radnode.Invalid, op, "workers: %d is not in 1..64", c.Workers)
	case c.WorkerMemory < 256:
		return radnode.Errorf(radnode.Invalid, op, "worker_memory_mb: %d is under the 256 MB a worker needs", c.WorkerMemory)
	case c.WorkerTimeout < time.Second:
		return radnode.Errorf(radnode.Invalid, op, "worker_timeout: %s is under a second", c.WorkerTimeout)
	case c.Quiet < 0:
		return radnode.Errorf(radnode.Invalid, op, "quiet: %s is negative", c.Quiet)
	case c.Matches < 1:
		return radnode.Errorf(radnode.Invalid, op, "matches: %d is under 1", c.Matches)
	case (c.TLS != "" || c.HTTPTLS) && (c.TLSCert == "" || c.TLSKey == ""), (c.TLSCert == "") != (c.TLSKey == ""):
		return radnode.Errorf(radnode.Invalid, op, "tls: name both tls_certificate and tls_key")
	case c.Associations < 1:
		return radnode.Errorf(radnode.Invalid, op, "associations: %d is under 1", c.Associations)
	}
	if err := errors.Join(c.Limits.check(), c.Calls.check()); err != nil {
		return err
	}
	for name, text := range map[string]string{"web_origins": c.Origins, "hook_origins": c.Hooks} {
		if _, err := middleware.ParseOrigins(text); err != nil {
			return radnode.Errorf(radnode.Invalid, op, "%s: %w", name, err)
		}
	}
	if _, err := c.peerSeeds(); err != nil {
		return err
	}
	_, err := c.tokenSeeds()
	return err
}

// ValidAETitle reports whether s follows PS3.5 table 6.2-1 (AE): 1 to 16
// characters of the default repertoire, no backslash, not all spaces.
func ValidAETitle(s string) bool {
	if len(s) == 0 || len(s) > 16 || strings.TrimSpace(s) == "" {
		return false
	}
	for _, b := range []byte(s) {
		if b < 0x20 || b > 0x7e || b == '\\' {
			return false
		}
	}
	return true
}

// Services a peer may be allowed.
var Services = []string{"store", "query", "retrieve", "commit"}

// Deliverables are the kinds of object a peer may be sent.
var Deliverables = []string{"sr", "seg", "pm", "pr", "ko", "sc", "pdf", "fhir", "hl7"}

// ParsePeer reads NAME and AE@HOST:PORT.
func ParsePeer(name, address string) (radnode.Peer, error) {
	const op = "peer"
	ae, rest, ok := strings.Cut(address, "@")
	host, portText, okPort := cutLast(rest, ":")
	port, err := strconv.Atoi(portText)
	if !ok || !okPort || err != nil || port < 1 || port > 65535 || host == "" || !ValidAETitle(ae) {
		return radnode.Peer{}, radnode.Errorf(radnode.Invalid, op, "%q is not of the form AE@HOST:PORT", address)
	}
	if name == "" || len(name) > 64 || strings.ContainsAny(name, "=,@ \t") {
		return radnode.Peer{}, radnode.Errorf(radnode.Invalid, op, "%q is no name for a peer", name)
	}
	return radnode.Peer{Name: name, AETitle: ae, Host: strings.Trim(host, "[]"), Port: port, Allow: slices.Clone(Services), Source: "configuration"}, nil
}

// ParseDestination reads NAME and the address of a destination of a kind: a URL
// (stow, fhir), HOST:PORT (hl7), else AE@HOST:PORT.
func ParseDestination(name, kind, address string) (radnode.Peer, error) {
	const op = "destination"
	p := radnode.Peer{Name: name, Kind: kind, Allow: []string{}, Deliver: []string{}}
	switch kind {
	case "":
		return ParsePeer(name, address)
	case workflow.KindSTOW, workflow.KindFHIR:
		p.URL = address
	case workflow.KindHL7:
		host, port, ok := cutLast(address, ":")
		n, err := strconv.Atoi(port)
		if !ok || err != nil {
			return p, radnode.Errorf(radnode.Invalid, op, "%q is not of the form HOST:PORT", address)
		}
		p.Host, p.Port = strings.Trim(host, "[]"), n
	default:
		return p, radnode.Errorf(radnode.Invalid, op, "%q is no kind of destination: use stow, fhir or hl7", kind)
	}
	return p, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

func (c Config) peerSeeds() ([]radnode.Peer, error) {
	var peers []radnode.Peer
	for _, text := range fields(c.Peers) {
		name, address, _ := strings.Cut(text, "=")
		peer, err := ParsePeer(name, address)
		if err != nil {
			return nil, err
		}
		peers = append(peers, peer)
	}
	return peers, nil
}

type tokenSeed struct {
	name   string
	role   radnode.Role
	secret string
}

func (c Config) tokenSeeds() ([]tokenSeed, error) {
	var seeds []tokenSeed
	for i, text := range fields(c.Tokens) {
		name, rest, _ := strings.Cut(text, ":")
		role, secret, _ := strings.Cut(rest, ":")
		// The text is not repeated: it holds a secret.
		if name == "" || !slices.Contains(radnode.Roles, radnode.Role(role)) || len(secret) < 8 {
			return nil, radnode.Errorf(radnode.Invalid, "configuration",
				"tokens: entry %d is not NAME:ROLE:TOKEN with a role of %v and a token of at least 8 characters", i+1, radnode.Roles)
		}
		seeds = append(seeds, tokenSeed{name, radnode.Role(role), secret})
	}
	return seeds, nil
}

func fields(text string) []string {
	return slices.DeleteFunc(strings.Split(text, ","), func(s string) bool { return strings.TrimSpace(s) == "" })
}
