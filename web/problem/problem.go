// Package problem translates errors into HTTP answers: one table from error
// code to status (RFC 9110 section 15), one JSON form for the body (RFC 9457
// media type, members code and message).
package problem

import (
	"context"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
)

// statuses is the one table code → HTTP status.
var statuses = map[radnode.Code]int{
	radnode.Invalid:      http.StatusBadRequest,
	radnode.NotFound:     http.StatusNotFound,
	radnode.Conflict:     http.StatusConflict,
	radnode.Unauthorized: http.StatusUnauthorized,
	radnode.Forbidden:    http.StatusForbidden,
	radnode.Unsupported:  http.StatusUnprocessableEntity,
	radnode.TooLarge:     http.StatusRequestEntityTooLarge,
	radnode.NoResources:  http.StatusInsufficientStorage,
	radnode.Unavailable:  http.StatusServiceUnavailable,
	radnode.Canceled:     499, // the client has gone; nobody reads this status
	radnode.Internal:     http.StatusInternalServerError,
}

// codes names the statuses that HTTP machinery raises by itself and that have
// no error code of the product.
var codes = map[int]string{
	http.StatusBadRequest:            string(radnode.Invalid),
	http.StatusUnauthorized:          string(radnode.Unauthorized),
	http.StatusForbidden:             string(radnode.Forbidden),
	http.StatusNotFound:              string(radnode.NotFound),
	http.StatusMethodNotAllowed:      "method_not_allowed",
	http.StatusNotAcceptable:         "not_acceptable",
	http.StatusPreconditionFailed:    "precondition_failed",
	http.StatusRequestEntityTooLarge: string(radnode.TooLarge),
	http.StatusUnsupportedMediaType:  "unsupported_media_type",
	http.StatusUpgradeRequired:       "upgrade_required",
	http.StatusPreconditionRequired:  "precondition_required",
	http.StatusTooManyRequests:       "too_many_requests",
}

// Body is the JSON body of every error answer.
type Body struct {
	Code      string `json:"code"`
	Message   string `json:"message"`
	RequestID string `json:"request_id,omitempty"`
}

// Error is an error that only HTTP knows, with the status it is answered with.
type Error struct {
	Status  int
	Message string
}

func (e *Error) Error() string { return e.Message }

// New makes an Error.
func New(status int, message string) *Error { return &Error{Status: status, Message: message} }

// Message returns what the client is told about err.
func Message(err error) string {
	_, body := describe(err)
	return body.Message
}

// Status returns the HTTP status that answers err.
func Status(err error) int {
	status, _ := describe(err)
	return status
}

// describe finds the status of err and what the client is told.
func describe(err error) (int, Body) {
	var own *Error
	if errors.As(err, &own) {
		return own.Status, Body{Code: nameOf(own.Status), Message: own.Message}
	}
	var coded *radnode.Error
	if errors.As(err, &coded) {
		status, known := statuses[coded.Code]
		if !known {
			status = http.StatusInternalServerError
		}
		return status, Body{Code: string(coded.Code), Message: radnode.MessageOf(err)}
	}
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		return http.StatusRequestEntityTooLarge, Body{Code: string(radnode.TooLarge), Message: "the body of the request is longer than this address takes"}
	}
	if errors.Is(err, context.Canceled) {
		return statuses[radnode.Canceled], Body{Code: string(radnode.Canceled), Message: "the client closed the request"}
	}
	var he *echo.HTTPError
	if errors.As(err, &he) {
		return he.Code, Body{Code: nameOf(he.Code), Message: http.StatusText(he.Code)}
	}
	return http.StatusInternalServerError, Body{Code: string(radnode.Internal), Message: radnode.MessageOf(err)}
}

func nameOf(status int) string {
	if name, ok := codes[status]; ok {
		return name
	}
	if status >= http.StatusInternalServerError {
		return string(radnode.Internal)
	}
	return string(radnode.Invalid)
}

// Write answers a request with err. It does nothing when the answer has
// already begun: the connection is then cut by the server.
func Write(c echo.Context, err error) {
	if c.Response().Committed {
		return
	}
	status, body := describe(err)
	body.RequestID = c.Response().Header().Get(echo.HeaderXRequestID)
	h := c.Response().Header()
	h.Set(echo.HeaderCacheControl, "no-store")
	h.Del("ETag")
	if status == http.StatusUnauthorized {
		// RFC 9110 11.6.1: a 401 names a scheme. Basic is not offered, so
		// that browsers show the login page and no dialogue of their own.
		h.Set(echo.HeaderWWWAuthenticate, `Bearer realm="radnode"`)
	}
	if c.Request().Method == http.MethodHead {
		_ = c.NoContent(status)
		return
	}
	h.Set(echo.HeaderContentType, "application/problem+json")
	// The client may have gone; there is nobody left to tell.
	_ = c.JSON(status, body)
}
