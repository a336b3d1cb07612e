package dicomweb

import (
	"context"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/dicom/dicomjson"
	"github.com/radnode/radnode/web/middleware"
	"github.com/radnode/radnode/web/problem"
)

// Workitems are the unified procedure steps that the node manages (PS3.4 Annex
// CC, PS3.18 chapter 11).
type Workitems interface {
	// CreateWorkitem says which attributes it had to add.
	CreateWorkitem(ctx context.Context, account string, uid radnode.UID, d *dicom.Dataset) (added []string, err error)
	Workitem(ctx context.Context, uid radnode.UID) (*dicom.Dataset, error)
	FindWorkitems(ctx context.Context, keys *dicom.Dataset, fuzzy bool, offset, limit int, each func(*dicom.Dataset) error) (more bool, err error)
	UpdateWorkitem(ctx context.Context, uid, transaction radnode.UID, changes *dicom.Dataset) error
	ChangeWorkitemState(ctx context.Context, account string, uid, transaction radnode.UID, state string) error
	RequestWorkitemCancel(ctx context.Context, account string, uid radnode.UID, request *dicom.Dataset) error
}

const (
	opWorkitem = "workitem"
	// WorkitemLimit is the longest request about a workitem.
	WorkitemLimit = 1 << 20
	mostWorkitems = 1000 // in one answer
)

// CreateWorkitem takes a workitem (PS3.18 11.4).
func (s *Service) CreateWorkitem(c echo.Context) error {
	d, err := readWorkitem(c)
	if err != nil {
		return err
	}
	uid := radnode.UID(c.QueryParam("workitem"))
	if raw, _ := url.QueryUnescape(c.Request().URL.RawQuery); uid == "" && raw != "" && !strings.Contains(raw, "=") {
		uid = radnode.UID(raw)
	}
	if uid == "" {
		uid = d.UID(dicom.SOPInstanceUID)
	}
	if uid == "" {
		uid = radnode.NewUID()
	}
	added, err := s.Workitems.CreateWorkitem(c.Request().Context(), middleware.UserOf(c).Name, uid, d)
	if err != nil {
		return err
	}
	if len(added) > 0 {
		warn(c, "The workitem was created with modifications: "+strings.Join(added, ", "))
	}
	at := base(c) + "/workitems/" + string(uid)
	c.Response().Header().Set(echo.HeaderLocation, at)
	c.Response().Header().Set("Content-Location", at)
	return c.NoContent(http.StatusCreated)
}

// RetrieveWorkitem answers a workitem (PS3.18 11.5).
func (s *Service) RetrieveWorkitem(c echo.Context) error {
	form, err := workitemForm(c)
	if err != nil {
		return err
	}
	uid, err := workitemUID(c)
	if err != nil {
		return err
	}
	d, err := s.Workitems.Workitem(c.Request().Context(), uid)
	if err != nil {
		return err
	}
	if form.kind == typeXML {
		return c.Blob(http.StatusOK, typeXML, appendXML(nil, d, dicomjson.Options{}))
	}
	text := dicomjson.Append([]byte{'['}, d, dicomjson.Options{})
	return c.Blob(http.StatusOK, form.kind, append(text, ']'))
}

func workitemForm(c echo.Context) (offer, error) {
	list, err := accepted(c)
	if err != nil {
		return offer{}, err
	}
	_, form, ok := choose(list, []offer{{kind: typeJSON}, {kind: "application/json"}, {kind: typeXML}})
	if !ok {
		return form, unacceptable("a workitem is answered as application/dicom+json or application/dicom+xml")
	}
	return form, nil
}

// UpdateWorkitem changes a workitem (PS3.18 11.6).
func (s *Service) UpdateWorkitem(c echo.Context) error {
	uid, err := workitemUID(c)
	if err != nil {
		return err
	}
	d, err := readWorkitem(c)
	if err != nil {
		return err
	}
	transaction := radnode.UID(c.QueryParam("transaction-uid"))
	if err := s.Workitems.UpdateWorkitem(c.Request().Context(), uid, transaction, d); err != nil {
		return explained(c, err)
	}
	return c.NoContent(http.StatusOK)
}

// ChangeWorkitemState claims or ends a workitem (PS3.18 11.7).
func (s *Service) ChangeWorkitemState(c echo.Context) error {
	uid, err := workitemUID(c)
	if err != nil {
		return err
	}
	d, err := readWorkitem(c)
	if err != nil {
		return err
	}
	err = s.Workitems.ChangeWorkitemState(c.Request().Context(), middleware.UserOf(c).Name, uid, d.UID(dicom.TransactionUID), d.Text(dicom.ProcedureStepState))
	if err != nil {
		return explained(c, err)
	}
	return c.NoContent(http.StatusOK)
}

// RequestWorkitemCancel asks for the end of a workitem (PS3.18 11.8).
func (s *Service) RequestWorkitemCancel(c echo.Context) error {
	uid, err := workitemUID(c)
	if err != nil {
		return err
	}
	d := dicom.NewDataset()
	if c.Request().ContentLength != 0 && c.Request().Header.Get(echo.HeaderContentType) != "" {
		if d, err = readWorkitem(c); err != nil {
			return err
		}
	}
	if err := s.Workitems.RequestWorkitemCancel(c.Request().Context(), middleware.UserOf(c).Name, uid, d); err != nil {
		return explained(c, err)
	}
	return c.NoContent(http.StatusAccepted)
}

// SearchWorkitems finds workitems (PS3.18 11.9).
func (s *Service) SearchWorkitems(c echo.Context) error {
	list, err := accepted(c)
	if err != nil {
		return err
	}
	_, form, ok := choose(list, []offer{{kind: typeJSON}, {kind: "application/json"}, {multipart: true, kind: typeXML}})
	if !ok {
		return unacceptable(`a search is answered as application/dicom+json or multipart/related; type="application/dicom+xml"`)
	}
	q, err := parseKeys(c.Request().URL.RawQuery, instanceLevel)
	if err != nil {
		return err
	}
	q.limit = min(q.limit, mostWorkitems)
	out := newResults(c, form)
	more, err := s.Workitems.FindWorkitems(c.Request().Context(), q.keys, q.fuzzy, q.offset, q.limit, out.add)
	if err != nil {
		return err
	}
	if more {
		q.warnings = append(q.warnings, "There are additional results that can be requested")
	}
	for _, w := range q.warnings {
		warn(c, w)
	}
	return out.end()
}

// explained tells the reason of a refusal in a Warning too (PS3.18 11.7.3.1).
func explained(c echo.Context, err error) error {
	if code := radnode.CodeOf(err); code == radnode.Invalid || code == radnode.Conflict {
		warn(c, radnode.MessageOf(err))
	}
	return err
}

func workitemUID(c echo.Context) (radnode.UID, error) {
	uid := radnode.UID(c.Param("workitem"))
	if !uid.Valid() {
		return "", radnode.Errorf(radnode.Invalid, opWorkitem, "the address holds something that is not a UID (PS3.5 9.1)")
	}
	return uid, nil
}

// readWorkitem reads the one data set of a request: JSON, alone or in an array,
// or XML.
func readWorkitem(c echo.Context) (*dicom.Dataset, error) {
	kind, _, err := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
	if err != nil || !slices.Contains([]string{typeJSON, "application/json", typeXML}, kind) {
		return nil, problem.New(http.StatusUnsupportedMediaType, "a workitem comes as application/dicom+json or application/dicom+xml")
	}
	text, err := io.ReadAll(c.Request().Body)
	if err != nil {
		return nil, bodyError(err)
	}
	objects, err := objectsOf(kind, text)
	if err != nil {
		return nil, radnode.Errorf(radnode.Invalid, opWorkitem, "the body cannot be read: %w", err)
	}
	if len(objects) != 1 {
		return nil, radnode.Errorf(radnode.Invalid, opWorkitem, "the body holds %d data sets instead of one", len(objects))
	}
	list, err := dicomjson.Decode(objects[0], dicomjson.DefaultLimits)
	if err != nil || len(list) != 1 {
		return nil, radnode.Errorf(radnode.Invalid, opWorkitem, "the body holds no data set: %w", err)
	}
	return list[0], nil
}
