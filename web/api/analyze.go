package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/audit"
	"github.com/radnode/radnode/web/problem"
)

// pictureKinds are the files that can be read at once, known by their first
// bytes: the name and declared type of an upload are claims, not facts.
var pictureKinds = []struct {
	offset int
	magic  string
	suffix string
}{
	{128, "DICM", ".dcm"}, // PS3.10 7.1
	{0, "\x89PNG\r\n\x1a\n", ".png"},
	{0, "\xff\xd8\xff", ".jpg"},
}

// PostAnalyze reads one picture with the models and answers at once: the
// findings, the draft report (Accept: application/dicom) or a heat map
// (image/png). Nothing is kept. The body is the file itself, or a form with the
// file in the part "file".
func (a *API) PostAnalyze(c echo.Context) error {
	form, err := analysisForm(c)
	if err != nil {
		return err
	}
	body, err := uploaded(c)
	if err != nil {
		return err
	}
	path, err := keepIn(a.TempDir, body, false)
	if err != nil {
		return err
	}
	defer func() {
		if err := os.Remove(path); err != nil {
			a.Log.Error("remove uploaded file", "error", err)
		}
	}()
	if form == typeDICOM && filepath.Ext(path) != ".dcm" {
		return problem.New(http.StatusNotAcceptable, "a PNG or JPEG file names no patient, study or image that a structured report could be about: send a DICOM file, or ask for application/json")
	}
	models, err := modelsOf(c)
	if err != nil {
		return err
	}
	if err := a.record(c, audit.Event{Action: audit.AnalysisRequest}); err != nil {
		return err
	}
	list, err := a.Analyzer.Analyze(c.Request().Context(), path, models)
	if err != nil {
		return err
	}
	switch form {
	case typeDICOM:
		return a.answerDraft(c, path, list)
	case typePNG:
		return a.answerHeatPicture(c, path, list)
	}
	for i := range list {
		list[i].File = "" // the path of the temporary file is nobody's business
		list[i].Stages = nil
	}
	if list == nil {
		list = []radnode.Analysis{}
	}
	return c.JSON(http.StatusOK, AnalysisList{Analyses: list})
}

// uploaded returns the file in the request.
func uploaded(c echo.Context) (io.Reader, error) {
	kind, _, err := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
	if err != nil || !strings.HasPrefix(kind, "multipart/") {
		return c.Request().Body, nil
	}
	form, err := c.Request().MultipartReader()
	if err != nil {
		return nil, radnode.Errorf(radnode.Invalid, "analyze", "the form cannot be read")
	}
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, radnode.Errorf(radnode.Invalid, "analyze", "the form has no part named file")
		}
		if err != nil {
			return nil, radnode.Errorf(radnode.Invalid, "analyze", "the form cannot be read")
		}
		if part.FormName() == "file" {
			return part, nil
		}
	}
}

// modelsOf are the models that a request names.
func modelsOf(c echo.Context) ([]string, error) {
	models := c.QueryParams()["model"]
	for _, m := range models {
		if len(m) > maxID {
			return nil, radnode.Errorf(radnode.Invalid, "analyze", "there is no such model")
		}
	}
	return models, nil
}

// keepIn writes the upload to a file in dir after a look at its first bytes.
func keepIn(dir string, body io.Reader, durable bool) (string, error) {
	head := make([]byte, 132)
	n, err := io.ReadFull(body, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return "", err
	}
	head = head[:n]
	suffix := ""
	for _, k := range pictureKinds {
		if len(head) >= k.offset+len(k.magic) && string(head[k.offset:k.offset+len(k.magic)]) == k.magic {
			suffix = k.suffix
		}
	}
	if suffix == "" {
		return "", problem.New(http.StatusUnsupportedMediaType, "send a DICOM file (with its 128-byte preamble), a PNG or a JPEG")
	}
	file, err := os.CreateTemp(dir, "analyze-*"+suffix)
	if err != nil {
		return "", fmt.Errorf("analyze: %w", err)
	}
	_, err = io.Copy(file, io.MultiReader(bytes.NewReader(head), body))
	if durable && err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return "", errors.Join(err, os.Remove(file.Name()))
	}
	return file.Name(), nil
}
