package inference

import (
	"encoding/binary"
	"errors"
)

// ONNX lets a tensor lie in another file, named by the graph. The runtime would
// read any file that the worker may read, patients' images among them, and a
// graph can give what it holds as its output. So the messages that may hold a
// tensor (onnx.proto3) are walked before the runtime sees the graph.

// message is a kind of ONNX message: which of its fields hold further ones.
type message map[uint64]message

// The messages refer to each other: init ties the knot.
var (
	tensorMessage    = message{}
	sparseMessage    = message{1: tensorMessage, 2: tensorMessage} // values, indices
	attributeMessage = message{5: tensorMessage, 10: tensorMessage, 22: sparseMessage, 23: sparseMessage}
	nodeMessage      = message{5: attributeMessage}
	graphMessage     = message{1: nodeMessage, 5: tensorMessage, 15: sparseMessage}
	functionMessage  = message{7: nodeMessage, 11: attributeMessage}
	trainingMessage  = message{1: graphMessage, 2: graphMessage}
	modelMessage     = message{7: graphMessage, 20: trainingMessage, 25: functionMessage}
)

func init() {
	attributeMessage[6], attributeMessage[11] = graphMessage, graphMessage // the bodies of If, Loop and Scan
}

// The fields of TensorProto that name another file.
const (
	tensorExternalData = 13
	tensorDataLocation = 14 // 1: EXTERNAL
)

var (
	errNoGraph  = errors.New("is no sound ONNX file")
	errExternal = errors.New("keeps values in other files; a package holds one file with all of them (save the model without external data)")
)

// maxNesting bounds the nesting of messages, as protocol buffers do themselves.
const maxNesting = 100

// selfContained refuses a graph that is no ONNX or names other files.
func selfContained(graph []byte) error { return modelMessage.check(graph, 0) }

func (m message) check(b []byte, depth int) error {
	if depth > maxNesting {
		return errNoGraph
	}
	for len(b) > 0 {
		key, n := binary.Uvarint(b)
		if n <= 0 {
			return errNoGraph
		}
		value, content, size := field(b[n:], key&7)
		if size < 0 {
			return errNoGraph
		}
		b = b[n+size:]
		number := key >> 3
		if m.isTensor() && (number == tensorExternalData || number == tensorDataLocation && value != 0) {
			return errExternal
		}
		if inner, ok := m[number]; ok && key&7 == 2 {
			if err := inner.check(content, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// isTensor reports whether the message is a tensor, the only one that holds no
// other.
func (m message) isTensor() bool { return len(m) == 0 }

// field reads the value of a field of a wire type; its size is negative where
// it is cut off or of a type that ONNX does not use.
func field(b []byte, wire uint64) (value uint64, content []byte, size int) {
	switch wire {
	case 0: // varint
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return 0, nil, -1
		}
		return v, nil, n
	case 1: // 64 bits
		size = 8
	case 5: // 32 bits
		size = 4
	case 2: // length and bytes
		length, n := binary.Uvarint(b)
		if n <= 0 || length > uint64(len(b)-n) {
			return 0, nil, -1
		}
		return 0, b[n : n+int(length)], n + int(length)
	default:
		return 0, nil, -1
	}
	if size > len(b) {
		return 0, nil, -1
	}
	return 0, nil, size
}
