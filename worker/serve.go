package worker

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"
)

// Handler does one operation. What it returns is sent as JSON.
type Handler func(ctx context.Context, op string, body json.RawMessage) (any, error)

// endGrace is how long a handler may take to end after its input closed.
const endGrace = 2 * time.Second

// ErrAbandoned is the end of Serve when the node went away and the handler
// did not stop: the process should end at once.
var ErrAbandoned = errors.New("the node went away in the middle of a request")

// Loading tells the node which model ("id@version") is loaded next. It is
// called before Serve.
func Loading(out io.Writer, model string) error {
	return writeMessage(out, Hello{Protocol: Protocol, Loading: model})
}

type doingKey struct{}

// Doing tells the node which part of a request is worked on, so that the part
// is known if the process ends in it. A handler calls it with its context.
func Doing(ctx context.Context, what string) error {
	tell, ok := ctx.Value(doingKey{}).(func(string) error)
	if !ok {
		return nil
	}
	return tell(what)
}

// Serve answers the requests on in until it closes. It is the main loop of a
// worker process.
func Serve(in io.Reader, out io.Writer, hello Hello, handle Handler) error {
	hello.Protocol = Protocol
	if err := writeMessage(out, hello); err != nil {
		return err
	}
	requests := make(chan request)
	closed := make(chan error, 1)
	go func() { // ends with its input, which ends with the node
		for {
			var r request
			if err := readMessage(in, &r); err != nil {
				closed <- err
				return
			}
			requests <- r
		}
	}()
	s := &serving{out: out, handle: handle, requests: requests, closed: closed}
	for {
		select {
		case r := <-requests:
			if r.Op == opCancel {
				continue // its request was answered meanwhile
			}
			if err := s.one(r); err != nil {
				return err
			}
		case err := <-closed:
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

type serving struct {
	out      io.Writer
	handle   Handler
	requests <-chan request
	closed   chan error
}

// one answers one request while it listens for its cancellation.
func (s *serving) one(r request) error {
	// The answer is written only after the handler returned, so the two never
	// write at once.
	tell := func(what string) error { return writeMessage(s.out, response{ID: r.ID, Doing: what}) }
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), doingKey{}, tell))
	defer cancel()
	done := make(chan response, 1)
	go func() { done <- s.answer(ctx, r) }()
	for {
		select {
		case answer := <-done:
			return writeMessage(s.out, answer)
		case other := <-s.requests:
			if other.Op != opCancel {
				return errors.New("a second request came before the first was answered")
			}
			if other.ID == r.ID {
				cancel()
			}
		case err := <-s.closed:
			s.closed <- err // for the main loop
			cancel()
			select {
			case <-done:
				return nil
			case <-time.After(endGrace):
				return ErrAbandoned
			}
		}
	}
}

func (s *serving) answer(ctx context.Context, r request) response {
	result, err := s.handle(ctx, r.Op, r.Body)
	if err != nil {
		return response{ID: r.ID, Error: toWire(err)}
	}
	body, err := json.Marshal(result)
	if err != nil {
		return response{ID: r.ID, Error: toWire(err)}
	}
	if len(body) > maxMessage-1024 {
		return response{ID: r.ID, Error: toWire(errors.New("the answer is too long for a message"))}
	}
	return response{ID: r.ID, Body: body}
}
