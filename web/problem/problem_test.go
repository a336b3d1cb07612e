package problem

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
)

func TestEveryCodeHasAStatus(t *testing.T) {
	all := []radnode.Code{
		radnode.Invalid, radnode.NotFound, radnode.Conflict, radnode.Unauthorized, radnode.Forbidden, radnode.Unsupported,
		radnode.TooLarge, radnode.NoResources, radnode.Unavailable, radnode.Canceled, radnode.Internal,
	}
	for _, code := range all {
		if statuses[code] == 0 {
			t.Errorf("%s has no status", code)
		}
	}
	if len(all) != len(statuses) {
		t.Errorf("the table has %d rows for %d codes", len(statuses), len(all))
	}
}

func TestStatusFollowsTheErrorHoweverItIsWrapped(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		want int
	}{
		"coded":          {radnode.Errorf(radnode.NotFound, "op", "gone"), 404},
		"wrapped":        {fmt.Errorf("outer: %w", radnode.Errorf(radnode.Conflict, "op", "stale")), 409},
		"unknown":        {errors.New("sql: broken"), 500},
		"unknown code":   {&radnode.Error{Code: "strange"}, 500},
		"own":            {New(http.StatusTooManyRequests, "wait"), 429},
		"echo":           {echo.ErrMethodNotAllowed, 405},
		"too long":       {&http.MaxBytesError{Limit: 1}, 413},
		"client is gone": {fmt.Errorf("read: %w", context.Canceled), 499},
	} {
		if got := Status(tc.err); got != tc.want {
			t.Errorf("%s: %d, not %d", name, got, tc.want)
		}
	}
}
