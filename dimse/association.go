package dimse

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"net"
	"time"

	"github.com/radnode/radnode/dimse/ul"
)

// Association is what a handler may know of the association a request came
// on.
type Association struct {
	ID                    string // unique, for logs and the audit trail
	CallingAE             string
	CalledAE              string
	RemoteAddr            string // host:port
	TLS                   *tls.ConnectionState
	ImplementationClass   string
	ImplementationVersion string
	Identity              *ul.UserIdentity // what the peer claims to be; nil: nothing
	User                  string           // who it proved to be, set by ServerConfig.Identify; "": nobody
	Opened                time.Time
}

// Host returns the peer's address without the port.
func (a *Association) Host() string { return hostOf(a.RemoteAddr) }

func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host
}

func newAssociation(assoc *ul.Association, rq *ul.AssociateRQ) *Association {
	var id [8]byte
	_, _ = rand.Read(id[:]) // crypto/rand.Read never fails
	a := &Association{
		ID: hex.EncodeToString(id[:]), CallingAE: rq.CallingAE, CalledAE: rq.CalledAE,
		RemoteAddr:            assoc.Conn().RemoteAddr().String(),
		ImplementationClass:   rq.User.ImplementationClassUID,
		ImplementationVersion: rq.User.ImplementationVersionName,
		Identity:              rq.User.Identity,
		Opened:                time.Now(),
	}
	if conn, ok := assoc.Conn().(*tls.Conn); ok {
		state := conn.ConnectionState()
		a.TLS = &state
	}
	return a
}
