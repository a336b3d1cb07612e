package dicomweb

import (
	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
)

// presentationStates are the classes whose rendering is that of the image they
// refer to (PS3.18 10.4.1.1.3, PS3.4 Annex N): those for grey-scale images.
var presentationStates = map[radnode.UID]bool{
	dicom.GrayscaleSoftcopyPresentationStateStorage: true,
}

// renderState renders the first image that a presentation state refers to as
// the state says.
func (s *Service) renderState(c echo.Context, form offer, r rendering, o Object) error {
	switch {
	case r.window != nil:
		return badRendering("a presentation state has its own window (PS3.18 8.3.5.1.4)")
	case r.viewport != nil && r.viewport.crops:
		return badRendering("the viewport of a presentation state is vw,vh")
	}
	at, inst, err := s.pictured(c, o)
	if err != nil {
		return err
	}
	r.state = o.Path
	return s.sendPicture(c, form, r, at, inst, 1)
}

// pictured finds the first image that a presentation state refers to and that
// is here.
func (s *Service) pictured(c echo.Context, o Object) (Object, radnode.Instance, error) {
	f, err := dicom.ReadFile(o.Path, dicom.Limits{})
	if err != nil {
		return Object{}, radnode.Instance{}, err
	}
	ctx, looked := c.Request().Context(), 0
	for _, series := range f.Dataset.Items(dicom.ReferencedSeriesSequence) {
		for _, ref := range series.Items(dicom.ReferencedImageSequence) {
			if looked++; looked > lookForImage {
				break
			}
			uid := ref.UID(dicom.ReferencedSOPInstanceUID)
			if !uid.Usable() {
				continue
			}
			list, err := s.Index.Objects(ctx, f.Dataset.UID(dicom.StudyInstanceUID), series.UID(dicom.SeriesInstanceUID), uid)
			if err != nil {
				return Object{}, radnode.Instance{}, err
			}
			if len(list) == 0 {
				continue
			}
			_, inst, err := s.Index.InstancePath(ctx, uid)
			return list[0], inst, err
		}
	}
	return Object{}, radnode.Instance{}, unacceptable("the image that the presentation state refers to is not here")
}
