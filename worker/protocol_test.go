package worker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
)

func FuzzAMessageFromAWorkerNeverPanicsNorAllocatesWhatItClaims(f *testing.F) {
	var good bytes.Buffer
	if err := writeMessage(&good, response{ID: 7, Body: []byte(`{"a":1}`)}); err != nil {
		f.Fatal(err)
	}
	f.Add(good.Bytes())
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0, 0, 0, 2, '{', '}'})
	f.Add([]byte("a decoder printed this"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var r response
		err := readMessage(bytes.NewReader(data), &r)
		if err == nil && len(data) < 6 {
			t.Errorf("%q was taken for a message", data)
		}
	})
}

func TestMessagesAreBounded(t *testing.T) {
	tests := map[string]struct {
		data []byte
		want error
	}{
		"nothing":           {nil, io.EOF},
		"half a length":     {[]byte{0, 0}, io.ErrUnexpectedEOF},
		"a huge length":     {binary.BigEndian.AppendUint32(nil, maxMessage+1), errGarbage},
		"less than claimed": {[]byte{0, 0, 0, 9, '{', '}'}, io.ErrUnexpectedEOF},
		"no JSON":           {[]byte{0, 0, 0, 2, 'h', 'i'}, errGarbage},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var r response
			if err := readMessage(bytes.NewReader(tt.data), &r); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
	if err := writeMessage(io.Discard, response{Body: append(append([]byte{'"'}, bytes.Repeat([]byte("x"), maxMessage)...), '"')}); err == nil {
		t.Error("a message over the limit was written")
	}
}
