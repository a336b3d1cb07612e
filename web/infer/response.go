package infer

import (
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/web/problem"
)

const headerLength = "Inference-Header-Content-Length"

type inferResponse struct {
	ModelName    string           `json:"model_name"`
	ModelVersion string           `json:"model_version"`
	ID           string           `json:"id,omitempty"`
	Parameters   provenance       `json:"parameters"`
	Outputs      []responseOutput `json:"outputs"`
}

// provenance says what computed the answer.
type provenance struct {
	Digest string `json:"model_digest"`
	Device string `json:"device"`
}

type responseOutput struct {
	Name       string          `json:"name"`
	Datatype   string          `json:"datatype"`
	Shape      []int64         `json:"shape"`
	Parameters *binarySize     `json:"parameters,omitempty"`
	Data       json.RawMessage `json:"data,omitempty"`
}

type binarySize struct {
	Size int `json:"binary_data_size"`
}

// respond answers an inference: JSON, or JSON and the binary tensors behind it.
func respond(c echo.Context, m *Model, r *inferRequest, result *Result) error {
	answer := inferResponse{ModelName: m.ID, ModelVersion: m.Version, ID: r.ID, Parameters: provenance{m.Digest, result.Device}}
	asked := r.Outputs
	if len(asked) == 0 {
		for _, o := range result.Outputs {
			asked = append(asked, requestOutput{Name: o.Name})
		}
	}
	var binary [][]byte
	for _, want := range asked {
		at := slices.IndexFunc(result.Outputs, func(o Output) bool { return o.Name == want.Name })
		if at < 0 {
			return radnode.Errorf(radnode.Unavailable, "infer", "the model was replaced meanwhile and has no output %q any more", want.Name)
		}
		o := result.Outputs[at]
		out := responseOutput{Name: o.Name, Datatype: FP32, Shape: o.Shape}
		inBinary := r.Parameters.BinaryDataOutput
		if want.Parameters.BinaryData != nil {
			inBinary = *want.Parameters.BinaryData
		}
		if inBinary {
			out.Parameters = &binarySize{len(o.Data)}
			binary = append(binary, o.Data)
		} else {
			out.Data = numbers(o.Data)
		}
		answer.Outputs = append(answer.Outputs, out)
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return radnode.Errorf(radnode.Internal, "infer", "%w", err)
	}
	if binary == nil {
		return c.JSONBlob(http.StatusOK, text)
	}
	h, length := c.Response().Header(), len(text)
	for _, b := range binary {
		length += len(b)
	}
	h.Set(headerLength, strconv.Itoa(len(text)))
	h.Set(echo.HeaderContentType, echo.MIMEOctetStream)
	h.Set(echo.HeaderContentLength, strconv.Itoa(length))
	c.Response().WriteHeader(http.StatusOK)
	for _, b := range append([][]byte{text}, binary...) {
		if _, err := c.Response().Write(b); err != nil {
			return err // the client has gone
		}
	}
	return nil
}

// numbers writes float32 values as a flat JSON array, each with as many digits
// as it takes to read the same value back.
func numbers(raw []byte) json.RawMessage {
	out := make([]byte, 0, len(raw)*3)
	out = append(out, '[')
	for i := 0; i+4 <= len(raw); i += 4 {
		if i > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendFloat(out, float64(math.Float32frombits(little.Uint32(raw[i:]))), 'g', -1, 32)
	}
	return append(out, ']')
}

// statuses are the statuses that clients of the protocol expect where the rest
// of the node answers otherwise.
var statuses = map[radnode.Code]int{radnode.NoResources: http.StatusServiceUnavailable}

func statusOf(err error) int {
	if status, ok := statuses[radnode.CodeOf(err)]; ok {
		return status
	}
	return problem.Status(err)
}

// WriteError answers a request under /v2 with err as the protocol has it:
// {"error": "…"}.
func WriteError(c echo.Context, err error) {
	if c.Response().Committed {
		return
	}
	status := statusOf(err)
	switch status {
	case http.StatusUnauthorized:
		c.Response().Header().Set(echo.HeaderWWWAuthenticate, `Bearer realm="radnode"`)
	case http.StatusServiceUnavailable:
		c.Response().Header().Set(echo.HeaderRetryAfter, "1")
	}
	// The client may have gone; there is nobody left to tell.
	_ = c.JSON(status, map[string]string{"error": problem.Message(err)})
}
