package ul

import (
	"context"
	"log/slog"
	"net"
	"time"
)

// Config holds the limits and times of an association. The zero value means
// the defaults that each field names.
type Config struct {
	// MaxPDU is the longest P-DATA-TF body announced to the peer and sent to
	// one that sets no limit; 0: 131072.
	MaxPDU uint32
	// ARTIM is how long an acceptor waits for A-ASSOCIATE-RQ and how long
	// either side waits for the transport to close (PS3.8 9.1.4); 0: 10 s.
	ARTIM time.Duration
	// Connect limits opening the transport and its TLS handshake; 0: 10 s.
	Connect time.Duration
	// Response limits waiting for A-ASSOCIATE-AC and A-RELEASE-RP, beyond the
	// standard, which has no time for them; 0: 30 s.
	Response time.Duration
	// Idle is how long an association may rest between messages; 0: 5 min.
	Idle time.Duration
	// Read limits the waiting for the bytes of one PDU once it has begun, and
	// between the PDUs of one message; 0: 60 s.
	Read time.Duration
	// Write limits one write of at most 128 KiB or one PDU; 0: 60 s.
	Write time.Duration
	// Buffer is the size of the receive buffer; 0: 128 KiB.
	Buffer int
	// DialContext opens the transport of a requestor; nil: plain TCP.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// Log gets what is worth knowing of a peer's odd behaviour; nil: nothing.
	Log *slog.Logger
}

// Defaults of Config.
const (
	DefaultMaxPDU = 128 << 10
	defaultBuffer = 128 << 10
	// minPeerPDU is the smallest limit a peer may set: with less each byte
	// would cost more in headers than it carries.
	minPeerPDU = 128
	// pduTolerance is how much longer than announced a P-DATA-TF may be:
	// devices are met that do not count the headers of the PDU and of the PDV.
	pduTolerance = pduHeader + pdvHeader
	// lingerBytes is what a peer may still send after the association has
	// ended before the transport is closed on it.
	lingerBytes = 4 << 20
)

func (c Config) withDefaults() Config {
	if c.MaxPDU == 0 {
		c.MaxPDU = DefaultMaxPDU
	}
	if c.Buffer <= 0 {
		c.Buffer = defaultBuffer
	}
	for _, d := range []struct {
		value *time.Duration
		usual time.Duration
	}{
		{&c.ARTIM, 10 * time.Second}, {&c.Connect, 10 * time.Second}, {&c.Response, 30 * time.Second},
		{&c.Idle, 5 * time.Minute}, {&c.Read, time.Minute}, {&c.Write, time.Minute},
	} {
		if *d.value <= 0 {
			*d.value = d.usual
		}
	}
	if c.DialContext == nil {
		c.DialContext = (&net.Dialer{}).DialContext
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}
