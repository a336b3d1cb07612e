package worker

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/radnode/radnode"
)

// Protocol is the version of the messages. Node and worker must agree on it.
const Protocol = 1

// maxMessage bounds one message. The largest are the findings of many models
// with heat maps; pixels never come this way.
const maxMessage = 32 << 20

// The operations a worker knows.
const (
	OpAnalyze   = "analyze"
	OpFrame     = "frame"
	OpTranscode = "transcode"
	OpRender    = "render"
	OpModels    = "models"
	OpVerify    = "verify"
	OpInfer     = "infer"
	OpPipeline  = "pipeline"

	opCancel = "cancel" // stop the request under way; it is still answered
)

// Hello is the first message of a worker. While it loads its models it sends
// one with Loading set for each, so that a model that ends the process or
// never comes up is known.
type Hello struct {
	Loading  string `json:"loading,omitempty"` // "id@version" of the model that is loaded next
	Protocol int    `json:"protocol"`
	Software string `json:"software"`        // version of the worker program
	Runtime  string `json:"runtime"`         // version of the inference runtime
	Error    string `json:"error,omitempty"` // why it cannot work; it ends after saying so
}

type request struct {
	ID   uint64          `json:"id"`
	Op   string          `json:"op"`
	Body json.RawMessage `json:"body,omitempty"`
}

// response is the answer to a request, or, with Doing set, a word about what
// the worker does now.
type response struct {
	ID    uint64          `json:"id"`
	Doing string          `json:"doing,omitempty"`
	Error *wireError      `json:"error,omitempty"`
	Body  json.RawMessage `json:"body,omitempty"`
}

// wireError is a radnode.Error on its way between the processes.
type wireError struct {
	Code    radnode.Code `json:"code"`
	Op      string       `json:"op"`
	Message string       `json:"message"`
}

func toWire(err error) *wireError {
	var e *radnode.Error
	if errors.As(err, &e) {
		return &wireError{Code: e.Code, Op: e.Op, Message: e.Message}
	}
	return &wireError{Code: radnode.Internal, Op: "pixel worker", Message: err.Error()}
}

func (e *wireError) error() error {
	return &radnode.Error{Code: e.Code, Op: e.Op, Message: e.Message}
}

// errGarbage is what readMessage reports for bytes that are no message.
var errGarbage = errors.New("bytes that are no message of the protocol")

func readMessage(r io.Reader, into any) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxMessage {
		return fmt.Errorf("%w: a length of %d", errGarbage, n)
	}
	body, err := io.ReadAll(io.LimitReader(r, int64(n))) // grows with what arrives, not with what is claimed
	if err != nil {
		return err
	}
	if len(body) < int(n) {
		return io.ErrUnexpectedEOF
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%w: %w", errGarbage, err)
	}
	return nil
}

func writeMessage(w io.Writer, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(body) > maxMessage {
		return radnode.Errorf(radnode.TooLarge, "write message", "a message of %d bytes exceeds the limit of %d", len(body), maxMessage)
	}
	// One write, so that a reader never sees a length without its body.
	_, err = w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...))
	return err
}
