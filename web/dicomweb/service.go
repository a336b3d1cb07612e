package dicomweb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/sync/semaphore"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/web/middleware"
	"github.com/radnode/radnode/web/problem"
)

// Root is where the service answers.
const Root = "/dicom-web"

// Object is a stored instance.
type Object struct {
	SOPClassUID, SOPInstanceUID, TransferSyntaxUID, SeriesInstanceUID radnode.UID
	Path                                                              string // of its file, which never changes
}

// Kept are metadata that were made before anybody asked for them.
type Kept interface {
	// SeriesMetadata are those of exactly these instances, in their order: JSON
	// objects with commas between them, dicomjson.AnyBase in place of the
	// address of the service. nil: there are none.
	SeriesMetadata(ctx context.Context, study radnode.UID, objects []Object) ([]byte, error)
}

// Deleter removes studies as far as the rules of the node allow.
type Deleter interface {
	DeleteStudy(ctx context.Context, study radnode.UID) error
}

// Index finds what is stored. Drafts of the node are not among it.
type Index interface {
	// Find sends the matches of an identifier (PS3.4 C.4.1) from offset on, at
	// most limit of them, in an order that is the same each time; each data set
	// is valid until each returns. It counts what follows, up to count, and says
	// which keys it passed over.
	Find(ctx context.Context, identifier *dicom.Dataset, page Page, each func(*dicom.Dataset) error) (further int, unsupported []dicom.Tag, err error)
	// Objects lists the instances of a study, series or instance; "" is any.
	Objects(ctx context.Context, study, series, instance radnode.UID) ([]Object, error)
	// InstancePath finds one instance and its file.
	InstancePath(ctx context.Context, sopUID radnode.UID) (string, radnode.Instance, error)
}

// Page is which matches of a search are wanted.
type Page struct {
	Fuzzy                bool // person names sound alike
	Offset, Limit, Count int
}

// Files gives out data sets in another transfer syntax than they are stored in.
type Files interface {
	Recode(ctx context.Context, path string, syntax radnode.UID) (io.ReadCloser, error)
}

// Window is a VOI window with its function: LINEAR, LINEAR_EXACT or SIGMOID.
type Window struct {
	Center, Width float64
	Function      string
}

// Picture says how a frame is rendered.
type Picture struct {
	Window  *Window // nil: that of the object
	State   string  // file of a presentation state that says how; "": none
	Size    int     // longest side; 0: as it is
	Format  string  // jpeg or png
	Quality int     // of JPEG, 1 to 100
}

// Pixels decodes and renders frames, counted from 1.
type Pixels interface {
	Frame(ctx context.Context, path string, inst radnode.Instance, frame int) (io.ReadSeekCloser, error)
	Transcode(ctx context.Context, path string, inst radnode.Instance, frame int, syntax radnode.UID) (io.ReadSeekCloser, error)
	Picture(ctx context.Context, path string, inst radnode.Instance, frame int, p Picture) (io.ReadSeekCloser, error)
}

// Sender is who stores instances, in one request.
type Sender struct{ Name, Remote, Request string }

// Receiver takes instances in, as durably as C-STORE does: a nil error means
// that the instance is on disk.
type Receiver interface {
	Receive(ctx context.Context, from Sender, ts, class, instance radnode.UID, data io.Reader) error
	// Received ends a request.
	Received(from Sender)
}

// Trail takes audit records (PS3.15 A.5).
type Trail interface {
	Record(ctx context.Context, e audit.Event) error
}

// Service is the origin server.
type Service struct {
	Index    Index
	Files    Files
	Pixels   Pixels
	Receiver Receiver
	Trail    Trail

	Writer        Writer        // nil: pictures are not annotated
	Kept          Kept          // nil: no metadata are kept
	Deleter       Deleter       // nil: nothing is deleted
	Workitems     Workitems     // nil: not offered
	Subscriptions Subscriptions // to workitems; nil: not offered
	Origins       middleware.Origins
	TempDir       string // for bulk data that wait for their instance; "": the system's

	headers  cache // metadata by address and file
	memory   *semaphore.Weighted
	layouts  layouts
	watching audit.Lately
	closing  chan struct{} // ends the event channels
	closed   sync.Once
}

// Close ends the event channels.
func (s *Service) Close() { s.closed.Do(func() { close(s.closing) }) }

// New makes the service.
func New(index Index, files Files, pixels Pixels, receiver Receiver, trail Trail) *Service {
	return &Service{
		Index: index, Files: files, Pixels: pixels, Receiver: receiver, Trail: trail,
		memory:  semaphore.NewWeighted(mostMemory),
		headers: cache{limit: metadataCache, entries: map[string][]byte{}},
		layouts: layouts{entries: map[string]*layout{}},
		closing: make(chan struct{}),
	}
}

// mostMemory is how many bytes of values and pictures are held at once, in all
// requests together.
const mostMemory = 1 << 30

// occupy waits until there is memory for something large.
func (s *Service) occupy(ctx context.Context, bytes int64) (done func(), err error) {
	bytes = min(bytes, mostMemory)
	if err := s.memory.Acquire(ctx, bytes); err != nil {
		return nil, radnode.Errorf(radnode.Canceled, opRetrieve, "the client has gone: %w", err)
	}
	return func() { s.memory.Release(bytes) }, nil
}

// base is the address of the service as the client reached it.
func base(c echo.Context) string {
	r := c.Request()
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host + Root
}

// place is the resource that an address names.
type place struct{ study, series, instance radnode.UID }

func (p place) path() string {
	var b strings.Builder
	for _, part := range []struct {
		name string
		uid  radnode.UID
	}{{"/studies/", p.study}, {"/series/", p.series}, {"/instances/", p.instance}} {
		if part.uid != "" {
			b.WriteString(part.name + string(part.uid))
		}
	}
	return b.String()
}

// placeOf reads the UIDs of an address.
func placeOf(c echo.Context) (place, error) {
	p := place{radnode.UID(c.Param("study")), radnode.UID(c.Param("series")), radnode.UID(c.Param("instance"))}
	for _, uid := range []radnode.UID{p.study, p.series, p.instance} {
		if uid != "" && !uid.Usable() {
			return p, radnode.Errorf(radnode.Invalid, "address", "the address holds something that is not a UID (PS3.5 9.1)")
		}
	}
	return p, nil
}

// objects finds the instances that an address names; none is 404.
func (s *Service) objects(c echo.Context) (place, []Object, error) {
	p, err := placeOf(c)
	if err != nil {
		return p, nil, err
	}
	list, err := s.Index.Objects(c.Request().Context(), p.study, p.series, p.instance)
	if err == nil && len(list) == 0 {
		err = radnode.Errorf(radnode.NotFound, "retrieve", "there is no such study, series or instance")
	}
	return p, list, err
}

// one finds the instance that an address names.
func (s *Service) one(c echo.Context) (place, Object, error) {
	p, list, err := s.objects(c)
	if err != nil {
		return p, Object{}, err
	}
	return p, list[0], nil
}

// tagOf is an entity tag over files that never change and how they are shown.
func tagOf(list []Object, how ...string) string {
	h := sha256.New()
	for _, o := range list {
		h.Write([]byte(o.Path + "\n"))
	}
	h.Write([]byte(strings.Join(how, "\n")))
	return `"` + hex.EncodeToString(h.Sum(nil)[:16]) + `"`
}

// unchanged sets the entity tag and reports whether the client has it already
// (RFC 9110 13.1.2). What is kept is asked for again each time, so that who may
// no longer read does not.
func unchanged(c echo.Context, tag string) bool {
	h := c.Response().Header()
	h.Set(echo.HeaderCacheControl, "private, no-cache")
	h.Set("ETag", tag)
	h.Add(echo.HeaderVary, "Accept, Authorization")
	for one := range strings.SplitSeq(strings.Join(c.Request().Header.Values("If-None-Match"), ","), ",") {
		if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == tag {
			return true
		}
	}
	return false
}

// unacceptable is the answer to a request for media types that there are not.
func unacceptable(what string) error {
	return problem.New(http.StatusNotAcceptable, what)
}

// warn adds a warning (PS3.18 8.3.4).
func warn(c echo.Context, text string) {
	c.Response().Header().Add("Warning", "299 "+base(c)+": "+text)
}

// Times: a stream lives as long as each piece of it moves.
const (
	pieceTime  = 2 * time.Minute
	slowestBit = 64 << 10 // bytes a second
)

// alive gives the answer time for the next piece.
func alive(c echo.Context, size int64) {
	// A writer without deadlines (tests) simply has none.
	_ = http.NewResponseController(c.Response()).SetWriteDeadline(time.Now().Add(pieceTime + time.Duration(size/slowestBit)*time.Second))
}

// sender is who makes the request.
func sender(c echo.Context) Sender {
	return Sender{Name: middleware.UserOf(c).Name, Remote: c.RealIP(), Request: c.Response().Header().Get(echo.HeaderXRequestID)}
}

// watched audits that somebody reads a study: once in a while, since a viewer
// asks for each frame by itself.
func (s *Service) watched(c echo.Context, study radnode.UID) error {
	from := sender(c)
	act := from.Name + "@" + from.Remote + "\n" + string(study)
	if s.watching.Seen(act) {
		return nil
	}
	err := s.record(c, audit.StudyViewed, study, "by DICOMweb")
	if err != nil {
		s.watching.Forget(act)
	}
	return err
}

func (s *Service) record(c echo.Context, action audit.Action, study radnode.UID, detail string) error {
	from := sender(c)
	return s.Trail.Record(c.Request().Context(), audit.Event{Action: action, Actor: from.Name, Remote: from.Remote, StudyUID: study, Detail: detail})
}
