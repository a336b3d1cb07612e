package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/web/middleware"
)

// GetEvents streams what changed as server-sent events. Every connection
// begins with "hello", upon which the browser fetches everything it shows: so
// nothing is lost between two connections and no event needs to be kept.
func (a *API) GetEvents(c echo.Context) error {
	events, cancel := a.Events.Events()
	defer cancel()
	res := c.Response()
	h := res.Header()
	h.Set(echo.HeaderContentType, "text/event-stream")
	h.Set(echo.HeaderCacheControl, "no-store")
	h.Set("X-Accel-Buffering", "no") // proxies must not collect the stream
	res.WriteHeader(http.StatusOK)
	if err := writeEvent(res, "retry: 2000\nevent: hello\ndata: {}\n\n"); err != nil {
		return nil
	}
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	ctx := c.Request().Context()
	for {
		var text string
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if middleware.StillAllowed(c) != nil {
				return nil
			}
			text = ": alive\n\n"
		case e, open := <-events:
			if !open {
				return nil // too slow or the node stops; the browser comes back
			}
			text = eventText(e)
		}
		if err := writeEvent(res, text); err != nil {
			return nil // the browser has gone
		}
	}
}

func eventText(e radnode.Event) string {
	body, err := json.Marshal(e)
	if err != nil { // strings always encode
		body = []byte("{}")
	}
	return fmt.Sprintf("event: change\ndata: %s\n\n", body)
}

// writeEvent sends text at once; a browser that does not read for
// eventDeadline is let go.
func writeEvent(res *echo.Response, text string) error {
	rc := http.NewResponseController(res)
	// A writer without deadlines (tests) simply has none.
	_ = rc.SetWriteDeadline(time.Now().Add(eventDeadline))
	if _, err := res.Write([]byte(text)); err != nil {
		return err
	}
	return rc.Flush()
}
