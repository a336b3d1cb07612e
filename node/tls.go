package node

import (
	"crypto/tls"
	"net"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/dimse/ul"
)

// calling is how the node calls others.
func (c Config) calling() calling {
	return calling{ae: c.AETitle, tls: TLSFiles{Certificate: c.TLSCert, Key: c.TLSKey, Authorities: c.TLSTrust}}
}

// listenTLS opens the DICOM port that speaks TLS beside the plain one; nil if
// none is configured.
func (c Config) listenTLS() (net.Listener, error) {
	if c.TLS == "" {
		return nil, nil
	}
	secured, err := ul.ServerTLS(c.calling().tls)
	if err != nil {
		return nil, radnode.Errorf(radnode.Invalid, "listen", "%w", err)
	}
	port, err := net.Listen("tcp", c.TLS)
	if err != nil {
		return nil, radnode.Errorf(radnode.Unavailable, "listen", "DICOM TLS port %s: %w; choose another with --dicom-tls", c.TLS, err)
	}
	return tls.NewListener(port, secured), nil
}
