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

// serveWeb answers on the port of the viewer, over TLS where that is
// configured. Browsers show no certificates: people sign in. HTTP/2 is spoken
// over TLS alone.
func (n *node) serveWeb(port net.Listener) error {
	if !n.config.HTTPTLS {
		return n.http.Serve(port)
	}
	secured, err := ul.ServerTLS(TLSFiles{Certificate: n.config.TLSCert, Key: n.config.TLSKey})
	if err != nil {
		return radnode.Errorf(radnode.Invalid, "listen", "%w", err)
	}
	n.http.TLSConfig = secured
	return n.http.ServeTLS(port, "", "")
}

// scheme is how the viewer is reached.
func (c Config) scheme() string {
	if c.HTTPTLS {
		return "https"
	}
	return "http"
}
