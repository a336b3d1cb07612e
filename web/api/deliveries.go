package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/web/middleware"
)

// maxRetries bounds the deliveries that one request names.
const maxRetries = 1000

var deliveryStates = map[radnode.DeliveryState]bool{
	"": true, radnode.DeliveryQueued: true, radnode.DeliverySent: true, radnode.DeliveryProven: true, radnode.DeliveryUnprovable: true, radnode.DeliveryFailed: true,
}

// GetDeliveries answers where the objects of a report stand on their way.
func (a *API) GetDeliveries(c echo.Context) error {
	id, err := idParam(c, "id")
	if err != nil {
		return err
	}
	list, err := a.Deliveries.Deliveries(c.Request().Context(), id)
	if err != nil {
		return err
	}
	return sendJSON(c, DeliveryList{Deliveries: append([]radnode.Delivery{}, list...)})
}

// ListDeliveries answers the deliveries of all reports, those that wait longest
// first.
func (a *API) ListDeliveries(c echo.Context) error {
	f := radnode.DeliveryFilter{State: radnode.DeliveryState(c.QueryParam("state")), Peer: c.QueryParam("destination")}
	if !deliveryStates[f.State] || len(f.Peer) > maxID {
		return radnode.Errorf(radnode.Invalid, "read request", "state is queued, sent, delivered, unprovable or failed")
	}
	var err error
	if f.Limit, err = intQuery(c, "limit", 100, 1, 500); err != nil {
		return err
	}
	if f.Offset, err = intQuery(c, "offset", 0, 0, 1<<31-1); err != nil {
		return err
	}
	list, total, err := a.Deliveries.Outbox(c.Request().Context(), f)
	if err != nil {
		return err
	}
	return sendJSON(c, Outbox{Deliveries: append([]radnode.Delivery{}, list...), Total: total})
}

// RetryDelivery tries a failed or waiting delivery now.
func (a *API) RetryDelivery(c echo.Context) error {
	id, err := idParam(c, "id")
	if err != nil {
		return err
	}
	if _, err := a.Deliveries.Retry(c.Request().Context(), middleware.UserOf(c), []string{id}); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// RetryDeliveries tries some or all deliveries that failed or wait now.
func (a *API) RetryDeliveries(c echo.Context) error {
	var in RetryRequest
	if err := readJSON(c, &in); err != nil {
		return err
	}
	if in.All == (len(in.IDs) > 0) || len(in.IDs) > maxRetries {
		return radnode.Errorf(radnode.Invalid, "retry deliveries", "name 1 to %d ids, or all", maxRetries)
	}
	n, err := a.Deliveries.Retry(c.Request().Context(), middleware.UserOf(c), in.IDs)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, RetryResult{Retried: n})
}

// GetDestinations answers where signed reports go and how that fares.
func (a *API) GetDestinations(c echo.Context) error {
	list, err := a.Deliveries.Destinations(c.Request().Context())
	if err != nil {
		return err
	}
	return sendJSON(c, DestinationList{Destinations: append([]radnode.Destination{}, list...)})
}
