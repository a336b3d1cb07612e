package dicomweb

import (
	"bufio"
	"crypto/sha1" //nolint:gosec // RFC 6455 4.2.2 asks for it; it guards nothing
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/web/middleware"
	"github.com/radnode/radnode/web/problem"
)

// Times and sizes of a WebSocket (RFC 6455), on which only this side has
// something to say.
const (
	socketPing    = 20 * time.Second
	socketPatient = 3 * socketPing // without a word of the client
	socketWrite   = 10 * time.Second
	mostHeard     = 4 << 10 // bytes of a frame of the client
	mostSockets   = 1024
	socketMagic   = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
)

// The opcodes (RFC 6455 5.2) and the reasons for closing (7.4.1).
const (
	opText  = 0x1
	opClose = 0x8
	opPing  = 0x9
	opPong  = 0xA

	closeGoingAway = 1001
	closeProtocol  = 1002
	closePolicy    = 1008
	closeTooBig    = 1009
)

// sockets counts the open ones.
var sockets atomic.Int64

// socket is one open WebSocket. Its writer is the handler's goroutine; a second
// one reads.
type socket struct {
	conn  net.Conn
	r     *bufio.Reader
	heard chan frameHeard
}

// frameHeard is a control frame of the client; an opcode of 0 ends the socket.
type frameHeard struct {
	op   byte
	body []byte
	code int // why this side closes
}

// upgrade turns the request into a WebSocket. A page of another site cannot
// open one with the browser's cookie: RFC 6455 10.2.
func upgrade(c echo.Context, origins middleware.Origins) (*socket, error) {
	r := c.Request()
	key, err := base64.StdEncoding.DecodeString(r.Header.Get("Sec-WebSocket-Key"))
	switch {
	case !hasToken(r.Header, "Connection", "upgrade") || !hasToken(r.Header, "Upgrade", "websocket"):
		c.Response().Header().Set("Upgrade", "websocket")
		return nil, problem.New(http.StatusUpgradeRequired, "events are sent over a WebSocket")
	case r.Header.Get("Sec-WebSocket-Version") != "13":
		c.Response().Header().Set("Sec-WebSocket-Version", "13")
		return nil, problem.New(http.StatusUpgradeRequired, "WebSockets of version 13 are spoken here")
	case err != nil || len(key) != 16 || r.ProtoMajor != 1:
		return nil, radnode.Errorf(radnode.Invalid, "web socket", "the handshake is not that of RFC 6455")
	case !origins.Same(r):
		return nil, radnode.Errorf(radnode.Forbidden, "web socket", "requests from other sites are refused")
	case sockets.Load() >= mostSockets:
		return nil, radnode.Errorf(radnode.Unavailable, "web socket", "too many event channels are open")
	}
	conn, rw, err := http.NewResponseController(c.Response()).Hijack()
	if err != nil {
		return nil, radnode.Errorf(radnode.Internal, "web socket", "the connection cannot be taken over: %w", err)
	}
	sockets.Add(1)
	k := &socket{conn: conn, r: rw.Reader, heard: make(chan frameHeard)}
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + socketMagic)) //nolint:gosec // see above
	head := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n"
	if err := errors.Join(conn.SetDeadline(time.Time{}), k.write([]byte(head))); err != nil {
		k.close()
		return nil, radnode.Errorf(radnode.Canceled, "web socket", "the client has gone: %w", err)
	}
	c.Response().Committed, c.Response().Status = true, http.StatusSwitchingProtocols
	return k, nil
}

// hasToken reports whether a header lists a token.
func hasToken(h http.Header, name, token string) bool {
	for _, v := range h.Values(name) {
		for part := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}

func (k *socket) close() {
	_ = k.conn.Close() // nobody is left to be told
	sockets.Add(-1)
}

// serve sends texts until the client, the texts or the node end, or the client
// may no longer listen.
func (k *socket) serve(texts <-chan []byte, closing <-chan struct{}, allowed func() bool) {
	done := make(chan struct{})
	defer close(done)
	go k.listen(done)
	tick := time.NewTicker(socketPing)
	defer tick.Stop()
	for {
		var err error
		select {
		case text, open := <-texts:
			if !open {
				_ = k.end(closePolicy) // too slow; it comes back
				return
			}
			err = k.send(opText, text)
		case <-tick.C:
			if !allowed() {
				_ = k.end(closePolicy)
				return
			}
			err = k.send(opPing, nil)
		case f := <-k.heard:
			if f.op != opPing {
				_ = k.end(f.code)
				return
			}
			err = k.send(opPong, f.body)
		case <-closing:
			_ = k.end(closeGoingAway)
			return
		}
		if err != nil {
			return
		}
	}
}

func (k *socket) end(code int) error {
	var body []byte
	if code != 0 {
		body = binary.BigEndian.AppendUint16(nil, uint16(code)) //nolint:gosec // below 5000
	}
	return k.send(opClose, body)
}

// send writes one frame, whole and not masked (RFC 6455 5.1).
func (k *socket) send(op byte, body []byte) error {
	b := []byte{0x80 | op}
	switch n := len(body); {
	case n < 126:
		b = append(b, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	return k.write(append(b, body...))
}

func (k *socket) write(b []byte) error {
	if err := k.conn.SetWriteDeadline(time.Now().Add(socketWrite)); err != nil {
		return err
	}
	_, err := k.conn.Write(b)
	return err
}

// listen reads what the client sends, until it ends or breaks the protocol.
func (k *socket) listen(done <-chan struct{}) {
	for {
		f := k.read()
		if f.op == opText || f.op == opPong {
			continue // it has nothing to say here
		}
		select {
		case k.heard <- f:
		case <-done:
			return
		}
		if f.op != opPing {
			return
		}
	}
}

// read reads one frame.
func (k *socket) read() frameHeard {
	if k.conn.SetReadDeadline(time.Now().Add(socketPatient)) != nil {
		return frameHeard{}
	}
	var head [2]byte
	if _, err := io.ReadFull(k.r, head[:]); err != nil {
		return frameHeard{}
	}
	op, masked, n := head[0]&0xF, head[1]&0x80 != 0, int(head[1]&0x7F)
	if !masked || head[0]&0x70 != 0 {
		return frameHeard{code: closeProtocol}
	}
	if n == 126 {
		var long [2]byte
		if _, err := io.ReadFull(k.r, long[:]); err != nil {
			return frameHeard{}
		}
		n = int(binary.BigEndian.Uint16(long[:]))
	}
	if n == 127 || n > mostHeard {
		return frameHeard{code: closeTooBig}
	}
	b := make([]byte, 4+n)
	if _, err := io.ReadFull(k.r, b); err != nil {
		return frameHeard{}
	}
	mask, body := b[:4], b[4:]
	for i := range body {
		body[i] ^= mask[i%4]
	}
	switch op {
	case 0, opText, 0x2:
		return frameHeard{op: opText}
	case opPing, opPong:
		if n > 125 {
			return frameHeard{code: closeProtocol}
		}
		return frameHeard{op: op, body: body}
	case opClose:
		return frameHeard{op: opClose, code: 1000}
	}
	return frameHeard{code: closeProtocol}
}
