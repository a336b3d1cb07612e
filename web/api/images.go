package api

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
)

// maxFrames bounds the frame number in an address.
const maxFrames = 1 << 20

// GetFrame sends the stored values of one frame, as bytes in little endian.
func (a *API) GetFrame(c echo.Context) error {
	frame, err := intParam(c, "frame", 1, maxFrames)
	if err != nil {
		return err
	}
	path, inst, err := a.image(c, frame)
	if err != nil {
		return err
	}
	tag := entityTag(inst, "frame", frame, 0)
	if a.immutable(c, tag) {
		return c.NoContent(http.StatusNotModified)
	}
	content, err := a.Pixels.Frame(c.Request().Context(), path, inst, frame)
	if err != nil {
		return err
	}
	return serve(c, content, echo.MIMEOctetStream)
}

// GetPreview sends a small rendered picture of one frame.
func (a *API) GetPreview(c echo.Context) error {
	frame, err := intQuery(c, "frame", 1, 1, maxFrames)
	if err != nil {
		return err
	}
	size, err := intQuery(c, "w", 1024, previewSizeFloor, previewSizeTop)
	if err != nil {
		return err
	}
	path, inst, err := a.image(c, frame)
	if err != nil {
		return err
	}
	tag := entityTag(inst, "preview", frame, size)
	if a.immutable(c, tag) {
		return c.NoContent(http.StatusNotModified)
	}
	content, err := a.Pixels.Render(c.Request().Context(), path, inst, frame, size)
	if err != nil {
		return err
	}
	return serve(c, content, "image/jpeg")
}

// image finds the instance named in the address and checks the frame number.
func (a *API) image(c echo.Context, frame int) (string, radnode.Instance, error) {
	uid, err := uidParam(c, "uid")
	if err != nil {
		return "", radnode.Instance{}, err
	}
	path, inst, err := a.Files.InstancePath(c.Request().Context(), uid)
	if err != nil {
		return "", inst, err
	}
	if frame > inst.Frames {
		return "", inst, radnode.Errorf(radnode.NotFound, "frame", "the instance has %d frames", inst.Frames)
	}
	return path, inst, nil
}

func entityTag(inst radnode.Instance, kind string, frame, size int) string {
	return fmt.Sprintf(`"%s-%s-%d-%d"`, inst.Digest, kind, frame, size)
}

// immutable sets the caching headers of a thing that never changes and
// reports whether the client has it already. Browsers keep it privately, on
// shared workstations not at all.
func (a *API) immutable(c echo.Context, tag string) bool {
	h := c.Response().Header()
	if a.SharedWorkstation {
		h.Set(echo.HeaderCacheControl, "no-store")
		return false
	}
	h.Set(echo.HeaderCacheControl, "private, max-age=31536000, immutable")
	h.Set("ETag", tag)
	return tagMatches(c.Request().Header.Get("If-None-Match"), tag)
}

// serve sends content with ranges (RFC 9110 14) and closes it.
func serve(c echo.Context, content io.ReadSeekCloser, kind string) error {
	defer func() { _ = content.Close() }() // opened for reading only
	c.Response().Header().Set(echo.HeaderContentType, kind)
	http.ServeContent(c.Response(), c.Request(), "", time.Time{}, content)
	return nil
}

// GetStage sends the picture of one pipeline step.
func (a *API) GetStage(c echo.Context) error {
	id, err := idParam(c, "id")
	if err != nil {
		return err
	}
	name, err := idParam(c, "name")
	if err != nil {
		return err
	}
	path, err := a.Files.StagePath(c.Request().Context(), id, name)
	if err != nil {
		return err
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return radnode.Errorf(radnode.NotFound, "stage picture", "the picture of this step is no longer kept")
	}
	if err != nil {
		return fmt.Errorf("stage picture: %w", err)
	}
	if a.immutable(c, fmt.Sprintf(`"%s-%s"`, id, name)) {
		_ = file.Close() // opened for reading only
		return c.NoContent(http.StatusNotModified)
	}
	return serve(c, file, "image/png")
}
