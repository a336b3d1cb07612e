package dicomweb

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/dicomjson"
	"github.com/radnode/radnode/web/middleware"
)

// The well-known UIDs of subscriptions to all workitems and to those that match
// a filter (PS3.4 CC.2.3).
const (
	globalSubscription   radnode.UID = "1.2.840.10008.5.1.4.34.5"
	filteredSubscription radnode.UID = "1.2.840.10008.5.1.4.34.5.1"
	eventClass                       = "1.2.840.10008.5.1.4.34.6.4"
)

// Subscription is what an AE title wants to be told of.
type Subscription struct {
	AETitle, Account string
	Workitem         radnode.UID // or one of the well-known UIDs
	Filter           *dicom.Dataset
	Locked           bool // the workitems are kept for the subscriber
}

// WorkitemEvent is what a subscriber is told (PS3.4 CC.2.4).
type WorkitemEvent struct {
	Workitem radnode.UID
	Type     int
	Detail   *dicom.Dataset
}

// Subscriptions are those to workitems.
type Subscriptions interface {
	Subscribe(ctx context.Context, s Subscription) error
	Unsubscribe(ctx context.Context, s Subscription) error
	Suspend(ctx context.Context, s Subscription) error
	// Listen hears the events of an AE title until cancel; a closed channel
	// means that the listener was too slow.
	Listen(ctx context.Context, account, ae string) (events <-chan WorkitemEvent, cancel func(), err error)
}

// Subscribe subscribes to workitems (PS3.18 11.10).
func (s *Service) Subscribe(c echo.Context) error {
	sub, err := subscription(c)
	if err != nil {
		return err
	}
	q, err := queryOf(c)
	if err != nil {
		return err
	}
	if lock := q.Get("deletionlock"); lock != "" {
		if err := flag(lock, &sub.Locked); err != nil {
			return err
		}
	}
	if sub.Workitem == filteredSubscription {
		if sub.Filter, err = filterOf(q); err != nil {
			return err
		}
	}
	if err := s.Subscriptions.Subscribe(c.Request().Context(), sub); err != nil {
		return err
	}
	at := strings.Replace(base(c), "http", "ws", 1) + "/subscribers/" + url.PathEscape(sub.AETitle)
	c.Response().Header().Set("Content-Location", at)
	return c.NoContent(http.StatusCreated)
}

// Unsubscribe ends a subscription (PS3.18 11.11).
func (s *Service) Unsubscribe(c echo.Context) error {
	sub, err := subscription(c)
	if err == nil {
		err = s.Subscriptions.Unsubscribe(c.Request().Context(), sub)
	}
	if err != nil {
		return err
	}
	return c.NoContent(http.StatusOK)
}

// Suspend ends the subscription to workitems that are to come (PS3.18 11.12).
func (s *Service) Suspend(c echo.Context) error {
	sub, err := subscription(c)
	if err != nil {
		return err
	}
	if sub.Workitem != globalSubscription && sub.Workitem != filteredSubscription {
		return radnode.Errorf(radnode.Invalid, opWorkitem, "only a subscription to all workitems can be suspended")
	}
	if err := s.Subscriptions.Suspend(c.Request().Context(), sub); err != nil {
		return err
	}
	return c.NoContent(http.StatusOK)
}

func subscription(c echo.Context) (Subscription, error) {
	uid, err := workitemUID(c)
	if err != nil {
		return Subscription{}, err
	}
	ae, err := aeTitle(c)
	return Subscription{AETitle: ae, Account: middleware.UserOf(c).Name, Workitem: uid}, err
}

// aeTitle is the AE title of an address (PS3.5 6.2, AE).
func aeTitle(c echo.Context) (string, error) {
	ae, err := url.PathUnescape(c.Param("aet"))
	ae = strings.TrimSpace(ae)
	if err != nil || ae == "" || len(ae) > 16 || strings.ContainsFunc(ae, func(r rune) bool { return r < ' ' || r > '~' || r == '\\' }) {
		return "", radnode.Errorf(radnode.Invalid, opWorkitem, "the address holds no AE title (1 to 16 characters)")
	}
	return ae, nil
}

// filterOf reads the filter of a filtered subscription: filter=a=b,c=d, or the
// attributes as in a search.
func filterOf(q url.Values) (*dicom.Dataset, error) {
	raw := ""
	for name, values := range q {
		for _, v := range values {
			switch name {
			case "deletionlock", "accept":
			case "filter":
				for _, pair := range strings.Split(v, ",") {
					key, value, _ := strings.Cut(pair, "=")
					raw += "&" + url.QueryEscape(key) + "=" + url.QueryEscape(value)
				}
			default:
				raw += "&" + url.QueryEscape(name) + "=" + url.QueryEscape(v)
			}
		}
	}
	keys, err := parseKeys(strings.TrimPrefix(raw, "&"), instanceLevel)
	if err != nil {
		return nil, err
	}
	if keys.keys.Len() == 0 {
		return nil, radnode.Errorf(radnode.Invalid, opWorkitem, "a filtered subscription needs a filter")
	}
	return keys.keys, nil
}

// Listen opens the event channel of a subscriber: a WebSocket on which each
// event is a text (PS3.18 11.13).
func (s *Service) Listen(c echo.Context) error {
	ae, err := aeTitle(c)
	if err != nil {
		return err
	}
	if err := s.record(c, audit.WorkitemsFollowed, "", "by WebSocket"); err != nil {
		return err
	}
	events, cancel, err := s.Subscriptions.Listen(c.Request().Context(), middleware.UserOf(c).Name, ae)
	if err != nil {
		return err
	}
	defer cancel()
	k, err := upgrade(c, s.Origins)
	if err != nil {
		return err
	}
	defer k.close()
	number := 0
	texts := make(chan []byte)
	stopped := make(chan struct{})
	defer close(stopped)
	go func() { // ends with the channel, or with the socket
		defer close(texts)
		for e := range events {
			number++
			select {
			case texts <- eventText(e, number):
			case <-stopped:
				return
			}
		}
	}()
	k.serve(texts, s.closing, func() bool { return middleware.StillAllowed(c) == nil })
	return nil
}

// eventText is an event in the JSON model, with the attributes of its command
// (PS3.18 11.13.1), which the model itself leaves out.
func eventText(e WorkitemEvent, number int) []byte {
	text := fmt.Appendf(nil, `{"00000002":{"vr":"UI","Value":["%s"]},"00000110":{"vr":"US","Value":[%d]},"00001000":{"vr":"UI","Value":["%s"]},"00001002":{"vr":"US","Value":[%d]}`,
		eventClass, number&0xFFFF, e.Workitem, e.Type)
	detail := dicomjson.Append(nil, e.Detail, dicomjson.Options{})
	if len(detail) > len("{}") {
		text = append(text, ',')
	}
	return append(text, detail[1:]...)
}
