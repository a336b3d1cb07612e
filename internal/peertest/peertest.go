// Package peertest is a scripted DICOM peer for tests. It plays any bytes on a
// loopback connection (PS3.8 section 9) and shows what comes back. Its PDUs
// are written by hand and not by package ul, so that a defect there cannot
// cancel out.
package peertest

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// Peer is one end of a connection.
type Peer struct {
	Conn net.Conn
	tb   testing.TB
}

// patience is how long a peer waits for what must come.
const patience = 5 * time.Second

// Connect opens a connection to address.
func Connect(tb testing.TB, address string) *Peer {
	tb.Helper()
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		tb.Fatalf("peer connects to %s: %v", address, err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	return &Peer{conn, tb}
}

// Pair returns a peer and the other end of its TCP connection.
func Pair(tb testing.TB) (*Peer, net.Conn) {
	tb.Helper()
	l := Listen(tb)
	conn, err := net.DialTimeout("tcp", l.Address, patience)
	if err != nil {
		tb.Fatalf("open pair: %v", err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	return l.Accept(), conn
}

// Listener waits for the association requestor under test.
type Listener struct {
	Address string
	ln      net.Listener
	tb      testing.TB
}

// Listen opens a loopback port.
func Listen(tb testing.TB) *Listener {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("peer listens: %v", err)
	}
	tb.Cleanup(func() { _ = ln.Close() })
	return &Listener{ln.Addr().String(), ln, tb}
}

// Accept takes the next connection.
func (l *Listener) Accept() *Peer {
	l.tb.Helper()
	conn, err := l.ln.Accept()
	if err != nil {
		l.tb.Errorf("peer accepts: %v", err)
		return nil
	}
	l.tb.Cleanup(func() { _ = conn.Close() })
	return &Peer{conn, l.tb}
}

// Send plays bytes, one write for each argument.
func (p *Peer) Send(pieces ...[]byte) {
	p.tb.Helper()
	_ = p.Conn.SetWriteDeadline(time.Now().Add(patience))
	for _, b := range pieces {
		if _, err := p.Conn.Write(b); err != nil {
			p.tb.Errorf("peer sends %d bytes: %v", len(b), err)
			return
		}
	}
}

// Drip plays bytes one at a time until they are gone or the other side has had
// enough, and returns how many went out.
func (p *Peer) Drip(b []byte, pause time.Duration) int {
	for i := range b {
		if _, err := p.Conn.Write(b[i : i+1]); err != nil {
			return i
		}
		time.Sleep(pause)
	}
	return len(b)
}

// Receive reads one PDU.
func (p *Peer) Receive() (kind byte, body []byte, err error) {
	_ = p.Conn.SetReadDeadline(time.Now().Add(patience))
	var header [6]byte
	if _, err := io.ReadFull(p.Conn, header[:]); err != nil {
		return 0, nil, err
	}
	body = make([]byte, binary.BigEndian.Uint32(header[2:]))
	_, err = io.ReadFull(p.Conn, body)
	return header[0], body, err
}

// Expect reads one PDU, which must be of the given type, and returns its body.
func (p *Peer) Expect(kind byte) []byte {
	p.tb.Helper()
	got, body, err := p.Receive()
	if err != nil {
		p.tb.Errorf("peer waits for PDU type %02X: %v", kind, err)
		return nil
	}
	if got != kind {
		p.tb.Errorf("peer got PDU type %02X % X, want %02X", got, body, kind)
	}
	return body
}

// Rest reads everything until the other side closes.
func (p *Peer) Rest() []byte {
	p.tb.Helper()
	_ = p.Conn.SetReadDeadline(time.Now().Add(patience))
	b, err := io.ReadAll(p.Conn)
	if err != nil && !isReset(err) {
		p.tb.Errorf("peer waits for the transport to close: %v", err)
	}
	return b
}

// isReset: a close with unread bytes on the other side is a reset here.
func isReset(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && !op.Timeout()
}

// Close closes the transport.
func (p *Peer) Close() { _ = p.Conn.Close() }

// PDU makes a PDU of any type.
func PDU(kind byte, body []byte) []byte {
	b := []byte{kind, 0, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(b[2:], uint32(len(body)))
	return append(b, body...)
}

// Item makes an item or sub-item of type, reserved, length and value.
func Item(kind byte, value ...byte) []byte {
	b := []byte{kind, 0, byte(len(value) >> 8), byte(len(value))}
	return append(b, value...)
}

// Context is a presentation context to propose or, with one syntax, to accept.
type Context struct {
	ID       byte
	Abstract string
	Syntaxes []string
}

const applicationContext = "1.2.840.10008.3.1.1.1"

func fixed(called, calling string) []byte {
	b := []byte{0, 1, 0, 0}
	for _, title := range []string{called, calling} {
		for len(title) < 16 {
			title += " "
		}
		b = append(b, title...)
	}
	return append(b, make([]byte, 32)...)
}

// UserInformation makes item 50 with a maximum length and further sub-items.
func UserInformation(maxLength uint32, subItems ...[]byte) []byte {
	value := Item(0x51, byte(maxLength>>24), byte(maxLength>>16), byte(maxLength>>8), byte(maxLength))
	value = append(value, Item(0x52, []byte("1.2.3.4")...)...)
	for _, s := range subItems {
		value = append(value, s...)
	}
	return Item(0x50, value...)
}

// AssociateRQ makes an A-ASSOCIATE-RQ (PS3.8 9.3.2).
func AssociateRQ(called, calling string, user []byte, contexts ...Context) []byte {
	b := append(fixed(called, calling), Item(0x10, []byte(applicationContext)...)...)
	for _, c := range contexts {
		value := append([]byte{c.ID, 0, 0, 0}, Item(0x30, []byte(c.Abstract)...)...)
		for _, ts := range c.Syntaxes {
			value = append(value, Item(0x40, []byte(ts)...)...)
		}
		b = append(b, Item(0x20, value...)...)
	}
	return PDU(1, append(b, user...))
}

// AssociateAC makes an A-ASSOCIATE-AC that accepts contexts (PS3.8 9.3.3).
func AssociateAC(called, calling string, user []byte, contexts ...Context) []byte {
	b := append(fixed(called, calling), Item(0x10, []byte(applicationContext)...)...)
	for _, c := range contexts {
		value := append([]byte{c.ID, 0, 0, 0}, Item(0x40, []byte(c.Syntaxes[0])...)...)
		b = append(b, Item(0x21, value...)...)
	}
	return PDU(2, append(b, user...))
}

// AssociateRJ makes an A-ASSOCIATE-RJ (PS3.8 9.3.4).
func AssociateRJ(result, source, reason byte) []byte {
	return PDU(3, []byte{0, result, source, reason})
}

// PDV makes one presentation data value; control is the message control header.
func PDV(contextID, control byte, fragment []byte) []byte {
	b := make([]byte, 4, 6+len(fragment))
	binary.BigEndian.PutUint32(b, uint32(len(fragment)+2))
	return append(append(b, contextID, control), fragment...)
}

// PData makes a P-DATA-TF of values (PS3.8 9.3.5).
func PData(values ...[]byte) []byte {
	var body []byte
	for _, v := range values {
		body = append(body, v...)
	}
	return PDU(4, body)
}

// ReleaseRQ makes an A-RELEASE-RQ.
func ReleaseRQ() []byte { return PDU(5, make([]byte, 4)) }

// ReleaseRP makes an A-RELEASE-RP.
func ReleaseRP() []byte { return PDU(6, make([]byte, 4)) }

// Abort makes an A-ABORT (PS3.8 9.3.8).
func Abort(source, reason byte) []byte { return PDU(7, []byte{0, 0, source, reason}) }

// Role builds the role selection sub-item of a SOP class (PS3.7 D.3.3.4).
func Role(class string, scu, scp bool) []byte {
	value := append([]byte{0, byte(len(class))}, class...)
	for _, role := range []bool{scu, scp} {
		if role {
			value = append(value, 1)
		} else {
			value = append(value, 0)
		}
	}
	return Item(0x54, value...)
}
