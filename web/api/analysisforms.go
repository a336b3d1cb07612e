package api

import (
	"bytes"
	"cmp"
	"image/png"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dicom"
	"github.com/radnode/radnode/web/problem"
)

// The forms in which an analysis is answered, the usual one first.
const (
	typeDICOM = "application/dicom" // the draft report
	typePNG   = "image/png"         // the heat map of one finding
)

var analysisForms = []string{echo.MIMEApplicationJSON, typeDICOM, typePNG}

// analysisForm is the form that the parameter "accept" or the header Accept
// asks for (RFC 9110 12.5.1).
func analysisForm(c echo.Context) (string, error) {
	text := cmp.Or(c.QueryParam("accept"), strings.Join(c.Request().Header.Values(echo.HeaderAccept), ","))
	if text == "" {
		return analysisForms[0], nil
	}
	best, weight := "", 0.0
	for part := range strings.SplitSeq(text, ",") {
		kind, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		q := 1.0
		if v, err := strconv.ParseFloat(params["q"], 64); err == nil {
			q = v
		}
		at := slices.IndexFunc(analysisForms, func(f string) bool {
			return f == kind || kind == "*/*" || kind == f[:strings.IndexByte(f, '/')]+"/*"
		})
		if at >= 0 && q > weight {
			best, weight = analysisForms[at], q
		}
	}
	if best == "" {
		return "", problem.New(http.StatusNotAcceptable, "an analysis is answered as "+strings.Join(analysisForms, ", "))
	}
	return best, nil
}

// answerDraft answers the unverified structured report, which is not kept.
func (a *API) answerDraft(c echo.Context, path string, list []radnode.Analysis) error {
	draft, err := a.Analyzer.Draft(c.Request().Context(), path, list)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := dicom.WriteFile(&out, draft, dicom.ExplicitVRLittleEndian); err != nil {
		return err
	}
	return c.Blob(http.StatusOK, typeDICOM, out.Bytes())
}

// answerHeatPicture answers the heat map of the finding that the parameter
// "finding" names, else of the most probable one.
func (a *API) answerHeatPicture(c echo.Context, path string, list []radnode.Analysis) error {
	label := c.QueryParam("finding")
	var of *radnode.Analysis
	var finding *radnode.Finding
	for i := range list {
		for k := range list[i].Findings {
			f := &list[i].Findings[k]
			if f.Heatmap != nil && (label == "" || f.Label == label) && (finding == nil || f.Probability > finding.Probability) {
				of, finding = &list[i], f
			}
		}
	}
	if finding == nil {
		return radnode.Errorf(radnode.NotFound, "heat map", "no such finding of this image has a heat map; application/json tells the findings and why a model did not read it")
	}
	picture, err := a.Analyzer.HeatPicture(c.Request().Context(), path, *of, *finding)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		return err
	}
	return c.Blob(http.StatusOK, typePNG, out.Bytes())
}
