package dicomweb

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
)

// Delete removes a study (no part of PS3.18; other origin servers take it the
// same way). What may go is the node's to say.
func (s *Service) Delete(c echo.Context) error {
	p, err := placeOf(c)
	if err != nil {
		return err
	}
	if s.Deleter == nil {
		return radnode.Errorf(radnode.Forbidden, "delete", "nothing is deleted over DICOMweb here: the option web_delete is off")
	}
	err = s.Deleter.DeleteStudy(c.Request().Context(), p.study)
	if err != nil && radnode.CodeOf(err) != radnode.Conflict {
		return err
	}
	detail := "study deleted by DICOMweb"
	if err != nil {
		detail = "study not deleted: " + radnode.MessageOf(err)
	}
	from := sender(c)
	if auditErr := s.Trail.Record(c.Request().Context(), audit.Event{Action: audit.InstancesDeleted, Actor: from.Name, Remote: from.Remote,
		StudyUID: p.study, Detail: detail, Failed: err != nil}); auditErr != nil {
		return auditErr
	}
	if err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
