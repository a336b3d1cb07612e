package api

import (
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/web/middleware"
)

// ScheduleLimit bounds the body of a POST of scheduled steps.
const ScheduleLimit = 16 << 20

// maxSchedule bounds the steps that are listed.
const maxSchedule = 1000

// GetSchedule answers the scheduled procedure steps.
func (a *API) GetSchedule(c echo.Context) error {
	steps, err := a.Schedule.ScheduledSteps(c.Request().Context(), maxSchedule)
	if err != nil {
		return err
	}
	return sendJSON(c, ScheduledSteps{Steps: steps})
}

// PostSchedule adds or replaces scheduled procedure steps.
func (a *API) PostSchedule(c echo.Context) error {
	text, err := io.ReadAll(c.Request().Body)
	if err != nil {
		return radnode.Errorf(radnode.Invalid, "schedule", "the request ended early: %w", err)
	}
	n, err := a.Schedule.AddScheduledSteps(c.Request().Context(), text, middleware.UserOf(c).Name)
	if err != nil {
		return err
	}
	if err := a.record(c, audit.Event{Action: audit.ScheduleChanged, Detail: "added"}); err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, ScheduleAdded{Steps: n})
}

// DeleteScheduledStep removes a scheduled procedure step.
func (a *API) DeleteScheduledStep(c echo.Context) error {
	study, err := uidParam(c, "uid")
	if err != nil {
		return err
	}
	if err := a.Schedule.RemoveScheduledStep(c.Request().Context(), study, c.Param("name")); err != nil {
		return err
	}
	if err := a.record(c, audit.Event{Action: audit.ScheduleChanged, StudyUID: study, Detail: "removed"}); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
