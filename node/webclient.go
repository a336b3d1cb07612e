package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dimse/ul"
	"github.com/radnode/radnode/workflow"
)

// webDestinations calls destinations over HTTP.
type webDestinations struct{ tls TLSFiles }

func webClient(c Config) webDestinations { return webDestinations{c.calling().tls} }

// maxAnswer bounds the answer of a destination.
const maxAnswer = 4 << 20

// webRequest is one request to a destination.
type webRequest struct {
	method, url         string
	contentType, accept string
	body                io.Reader
	length              int64
}

// answer is what a destination answered.
type answer struct {
	status int
	body   []byte
}

// do sends a request. The error is of the way there and back; an answer is none,
// whatever its status.
func (w webDestinations) do(ctx context.Context, peer radnode.Peer, r webRequest) (*answer, error) {
	const op = "call destination"
	secured, err := ul.ClientTLS(w.tls)
	if err != nil {
		return nil, radnode.Errorf(radnode.Invalid, op, "TLS: %w", err)
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: secured, DisableKeepAlives: true,
		TLSHandshakeTimeout: 30 * time.Second, ResponseHeaderTimeout: 2 * time.Minute, MaxResponseHeaderBytes: 64 << 10}
	defer transport.CloseIdleConnections()
	// A redirection would take the token to where nobody configured it.
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	rq, err := http.NewRequestWithContext(ctx, r.method, r.url, r.body)
	if err != nil {
		return nil, radnode.Errorf(radnode.Invalid, op, "the address of the destination makes no request: %w", err)
	}
	rq.Header.Set("Accept", r.accept)
	rq.Header.Set("User-Agent", "radnode/"+Version)
	if r.body != nil {
		rq.Header.Set("Content-Type", r.contentType)
		rq.ContentLength = r.length
	}
	if peer.Token != "" {
		rq.Header.Set("Authorization", "Bearer "+peer.Token)
	}
	rsp, err := client.Do(rq)
	if err != nil {
		return nil, lostCall(ctx, err)
	}
	defer rsp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(rsp.Body, maxAnswer+1))
	if err != nil {
		return nil, lostCall(ctx, err)
	}
	if len(body) > maxAnswer {
		return nil, workflow.Answered(radnode.Errorf(radnode.Unavailable, op, "the answer is longer than %d bytes", maxAnswer))
	}
	return &answer{rsp.StatusCode, body}, refusal(rsp)
}

func lostCall(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return radnode.Errorf(radnode.Canceled, "call destination", "%w", ctx.Err())
	}
	return radnode.Errorf(radnode.Unavailable, "call destination", "%w", err)
}

// httpCodes is the table of what a status means for a delivery (RFC 9110 15);
// what is not listed is tried again.
var httpCodes = map[int]radnode.Code{
	400: radnode.Invalid, 401: radnode.Unauthorized, 403: radnode.Forbidden, 404: radnode.NotFound, 405: radnode.Unsupported, 406: radnode.Unsupported,
	409: radnode.Invalid, 410: radnode.NotFound, 412: radnode.Invalid, 413: radnode.TooLarge, 415: radnode.Unsupported, 422: radnode.Invalid,
	501: radnode.Unsupported, 507: radnode.NoResources,
}

// overloaded are the statuses of a destination that is in trouble itself.
var overloaded = map[int]bool{408: true, 429: true, 502: true, 503: true, 504: true, 507: true}

// refusal is the error of a status that is no success.
func refusal(rsp *http.Response) error {
	status := rsp.StatusCode
	if status < 300 {
		return nil
	}
	text := fmt.Sprintf("the destination answered %d %s", status, http.StatusText(status))
	if status < 400 {
		return radnode.Errorf(radnode.Invalid, "call destination", "%s: it wants another address; configure that one", text)
	}
	code, known := httpCodes[status]
	if !known {
		code = radnode.Unavailable
	}
	err := error(radnode.Errorf(code, "call destination", "%s", text))
	if !overloaded[status] {
		return workflow.Answered(err)
	}
	// RFC 9110 10.2.3: seconds, or a date.
	after := rsp.Header.Get("Retry-After")
	if n, convErr := strconv.Atoi(after); convErr == nil && n > 0 {
		return workflow.NotBefore(err, time.Duration(min(n, 86400))*time.Second)
	}
	if at, dateErr := http.ParseTime(after); dateErr == nil {
		return workflow.NotBefore(err, min(time.Until(at), 24*time.Hour))
	}
	return err
}
