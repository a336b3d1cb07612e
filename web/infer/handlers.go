package infer

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/web/problem"
)

// ServerMetadata is what GET /v2 answers.
type ServerMetadata struct {
	Name       string   `json:"name"`
	Version    string   `json:"version"`
	Extensions []string `json:"extensions"`
}

// Server answers what this server is.
func (s *Service) Server(c echo.Context) error {
	return c.JSON(http.StatusOK, ServerMetadata{"radnode", s.version, []string{"binary_tensor_data"}})
}

// Liveness is what GET /v2/health/live answers.
type Liveness struct {
	Live bool `json:"live"`
}

// Live answers that the server answers.
func (s *Service) Live(c echo.Context) error { return c.JSON(http.StatusOK, Liveness{true}) }

// Readiness is what the ready paths answer.
type Readiness struct {
	Name   string `json:"name,omitempty"`
	Ready  bool   `json:"ready"`
	Reason string `json:"reason,omitempty"`
}

// Ready answers whether inferences can be asked for: a worker is up and lists
// its models. A model that is refused does not make the server unready.
func (s *Service) Ready(c echo.Context) error {
	if _, err := s.models.Served(c.Request().Context(), true); err != nil {
		return c.JSON(http.StatusServiceUnavailable, Readiness{Reason: problem.Message(err)})
	}
	return c.JSON(http.StatusOK, Readiness{Ready: true})
}

// Metadata describes a model.
type Metadata struct {
	Name     string       `json:"name"`
	Versions []string     `json:"versions"`
	Platform string       `json:"platform"`
	Inputs   []TensorInfo `json:"inputs"`
	Outputs  []TensorInfo `json:"outputs"`
}

// Model answers the metadata of a model.
func (s *Service) Model(c echo.Context) error {
	list, m, err := s.find(c)
	if err != nil {
		return err
	}
	answer := Metadata{Name: m.ID, Versions: []string{}, Platform: "onnx_onnxv1", Inputs: []TensorInfo{m.Input}, Outputs: m.Outputs}
	for _, other := range list {
		if other.ID == m.ID {
			answer.Versions = append(answer.Versions, other.Version)
		}
	}
	return c.JSON(http.StatusOK, answer)
}

// ModelReady answers whether a model can be run.
func (s *Service) ModelReady(c echo.Context) error {
	_, m, err := s.find(c)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if !m.Ready {
		status = http.StatusServiceUnavailable
	}
	return c.JSON(status, Readiness{m.ID, m.Ready, m.Reason})
}

// IndexEntry is one version of a model in the repository.
type IndexEntry struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	State   string `json:"state"` // READY or UNAVAILABLE
	Reason  string `json:"reason"`
}

// IndexRequest asks for the models that are ready only.
type IndexRequest struct {
	Ready bool `json:"ready"`
}

// Index lists the models of the repository.
func (s *Service) Index(c echo.Context) error {
	var r IndexRequest
	if err := json.NewDecoder(c.Request().Body).Decode(&r); err != nil && !errors.Is(err, io.EOF) {
		return radnode.Errorf(radnode.Invalid, "index", "the request is no JSON: %w", err)
	}
	list, err := s.models.Served(c.Request().Context(), true)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, index(list, r.Ready))
}

func index(list []Model, readyOnly bool) []IndexEntry {
	out := []IndexEntry{}
	for _, m := range list {
		entry := IndexEntry{m.ID, m.Version, "READY", m.Reason}
		if !m.Ready {
			if readyOnly {
				continue
			}
			entry.State = "UNAVAILABLE"
		}
		out = append(out, entry)
	}
	return out
}

// ReloadResult is what POST /api/v1/models/reload answers.
type ReloadResult struct {
	Models []IndexEntry `json:"models"`
}

// Reload takes up models that were added, replaced or retired.
func (s *Service) Reload(c echo.Context) error {
	list, err := s.models.Reload(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, ReloadResult{index(list, false)})
}

// find returns the models and the one that the path names: the newest version
// that is ready where it names none.
func (s *Service) find(c echo.Context) ([]Model, *Model, error) {
	name, version := c.Param("model"), c.Param("version")
	for _, fresh := range []bool{false, true} {
		list, err := s.models.Served(c.Request().Context(), fresh)
		if err != nil {
			return nil, nil, err
		}
		if best := choose(list, name, version, nil); best != nil {
			return list, best, nil
		}
	}
	if version != "" {
		name += " " + version
	}
	return nil, nil, radnode.Errorf(radnode.NotFound, "find model", "there is no model %.150q", name)
}

// choose finds a version of a model, or the newest that is ready and not among
// those that are gone.
func choose(list []Model, name, version string, gone []string) *Model {
	var best *Model
	for i, m := range list { // rising versions
		if m.ID != name || slices.Contains(gone, m.Version) {
			continue
		}
		if m.Version == version || version == "" && (best == nil || m.Ready || !best.Ready) {
			best = &list[i]
		}
	}
	return best
}

// Infer runs a model.
func (s *Service) Infer(c echo.Context) error {
	_, m, err := s.find(c)
	if err != nil {
		return err
	}
	m, images, err := s.infer(c, m)
	status := http.StatusOK
	if err != nil {
		status = statusOf(err)
	}
	s.requests.WithLabelValues(m.ID, m.Version, strconv.Itoa(status)).Inc()
	s.images.WithLabelValues(m.ID, m.Version).Add(float64(images))
	return err
}

// infer returns the version that was run, and on how many images.
func (s *Service) infer(c echo.Context, m *Model) (*Model, int, error) {
	if !m.Ready {
		return m, 0, radnode.Errorf(radnode.Unavailable, "infer", "the model %s %s cannot be used: %s", m.ID, m.Version, m.Reason)
	}
	ctx := c.Request().Context()
	size, err := s.reserve(ctx, c.Request())
	if err != nil {
		return m, 0, err
	}
	defer s.budget.Release(size)
	body, err := readBody(c.Request())
	if err != nil {
		return m, 0, err
	}
	start := time.Now()
	r, binary, err := readRequest(body, c.Request().Header.Get(headerLength), m)
	if err != nil {
		return m, 0, err
	}
	input, err := r.tensor(binary)
	if err != nil {
		return m, 0, err
	}
	if r.Parameters.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(min(r.Parameters.Timeout, int64(time.Hour/time.Microsecond)))*time.Microsecond)
		defer cancel()
	}
	images := int(r.Inputs[0].Shape[0])
	// 1 is the highest priority of the protocol, 0 the default.
	ran, result, err := s.run(ctx, m, c.Param("version"), Request{Images: images, Input: input, Urgent: r.Parameters.Priority == 1})
	if err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			err = problem.New(http.StatusGatewayTimeout, fmt.Sprintf("the time-out of the request, %d µs, has passed", r.Parameters.Timeout))
		}
		return ran, 0, err
	}
	s.seconds.WithLabelValues(ran.ID, ran.Version).Observe(time.Since(start).Seconds())
	return ran, images, respond(c, ran, r, result)
}

// run runs a model. Where the caller named no version and the newest is
// retired while the request waits, the next one serves it.
func (s *Service) run(ctx context.Context, m *Model, version string, r Request) (*Model, *Result, error) {
	var gone []string
	for {
		r.ID, r.Version = m.ID, m.Version
		result, err := s.models.Infer(ctx, r)
		if version != "" || radnode.CodeOf(err) != radnode.NotFound {
			return m, result, err
		}
		gone = append(gone, m.Version)
		list, listErr := s.models.Served(ctx, true)
		if listErr != nil {
			return m, nil, listErr
		}
		next := choose(list, m.ID, "", gone)
		if next == nil || !next.Ready || !next.takesSame(m) {
			return m, nil, err
		}
		m = next
	}
}

// reserve waits until there is memory for the body of a request and the
// tensor made of it. The body is cut at MaxBody by the route.
func (s *Service) reserve(ctx context.Context, r *http.Request) (int64, error) {
	size := r.ContentLength
	if size < 0 || r.Header.Get(echo.HeaderContentEncoding) != "" {
		size = MaxBody
	}
	size = min(size, MaxBody) + min(size, MaxInput)
	if err := s.budget.Acquire(ctx, size); err != nil {
		return 0, radnode.Errorf(radnode.Canceled, "infer", "%w", err)
	}
	return size, nil
}

// readBody reads a body whose length is known into memory of that length.
func readBody(r *http.Request) ([]byte, error) {
	switch encoding := r.Header.Get(echo.HeaderContentEncoding); encoding {
	case "", "identity":
	case "gzip":
		return inflate(r.Body)
	default:
		return nil, problem.New(http.StatusUnsupportedMediaType, "the content encoding of the request is not taken; send gzip or none")
	}
	if r.ContentLength < 0 {
		return io.ReadAll(r.Body)
	}
	body := make([]byte, r.ContentLength) // at most MaxBody: the route refuses longer ones
	if _, err := io.ReadFull(r.Body, body); err != nil {
		return nil, radnode.Errorf(radnode.Invalid, "infer", "the body ends before its Content-Length: %w", err)
	}
	return body, nil
}

// inflate reads a compressed body, whose length is bounded once more.
func inflate(r io.Reader) ([]byte, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, radnode.Errorf(radnode.Invalid, "infer", "the body is no gzip: %w", err)
	}
	body, err := io.ReadAll(io.LimitReader(z, MaxBody+1))
	if err != nil {
		return nil, radnode.Errorf(radnode.Invalid, "infer", "the body is no whole gzip: %w", err)
	}
	if len(body) > MaxBody {
		return nil, &http.MaxBytesError{Limit: MaxBody}
	}
	return slices.Clip(body), nil
}
