package hl7

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	"github.com/radnode/radnode"
)

// The bytes around a message (MLLP Release 1).
const (
	startBlock = 0x0B
	endBlock   = 0x1C
	endOfFrame = 0x0D
)

// maxAck bounds an acknowledgement; it says yes or no.
const maxAck = 64 << 10

// Client sends messages to one receiver, each on a connection of its own. The
// zero value of the time-outs is the default.
type Client struct {
	Address     string
	TLS         *tls.Config   // nil: plain TCP
	DialTimeout time.Duration // 10 s
	AckTimeout  time.Duration // 30 s, from the last byte sent
}

const op = "send HL7 message"

// Send sends a message and waits for its acknowledgement. nil is accepted. The
// code of an error tells whether sending the same message again, under the same
// control ID, can help: Unavailable and Canceled; another is a refusal.
func (c Client) Send(ctx context.Context, m Message) error {
	control := m.Field("MSH", 10).Component(1)
	if control == "" {
		return radnode.Errorf(radnode.Invalid, op, "the message has no control ID (MSH-10)")
	}
	conn, err := c.dial(ctx)
	if err != nil {
		return failure(ctx, "no connection to the receiver", err)
	}
	defer conn.Close()
	// A closed connection ends the read and the write that hang.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	timeout := c.AckTimeout
	if timeout <= 0 {
		timeout = 30 * time.Second
	}
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return failure(ctx, "the connection is lost", err)
	}
	if _, err := conn.Write(frame(m.Encode())); err != nil {
		return failure(ctx, "the message was not taken", err)
	}
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return failure(ctx, "the connection is lost", err)
	}
	reply, err := readFrame(bufio.NewReader(conn))
	if err != nil {
		return failure(ctx, "no acknowledgement came", err)
	}
	return acknowledged(reply, control)
}

func (c Client) dial(ctx context.Context) (net.Conn, error) {
	timeout := c.DialTimeout
	if timeout <= 0 {
		timeout = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if c.TLS != nil {
		return (&tls.Dialer{Config: c.TLS}).DialContext(ctx, "tcp", c.Address)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", c.Address)
}

func failure(ctx context.Context, what string, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return radnode.Errorf(radnode.Canceled, op, "%s: %w", what, ctx.Err())
	}
	return radnode.Errorf(radnode.Unavailable, op, "%s: %w", what, err)
}

func frame(message []byte) []byte {
	out := make([]byte, 0, len(message)+3)
	out = append(out, startBlock)
	out = append(out, message...)
	return append(out, endBlock, endOfFrame)
}

var errNoFrame = errors.New("the receiver answered something that is no MLLP frame")

// readFrame reads one frame and returns the message in it.
func readFrame(r *bufio.Reader) ([]byte, error) {
	b, err := r.ReadByte()
	if err != nil {
		return nil, err
	}
	if b != startBlock {
		return nil, errNoFrame
	}
	var message []byte
	for len(message) <= maxAck {
		b, err := r.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil, io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		if b == endBlock {
			return message, nil // the CR after it says nothing more
		}
		message = append(message, b)
	}
	return nil, errNoFrame
}
