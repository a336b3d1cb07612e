package ul

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// TLSFiles names the files of a TLS configuration in PEM (PS3.15 B.9 to B.12:
// the profiles that follow BCP 195).
type TLSFiles struct {
	Certificate string // own certificate chain; a client may go without
	Key         string
	// Authorities verifies the peer: on a server the clients' certificates, on
	// a client the server's. "": a server asks for no certificate, a client
	// uses the system's authorities.
	Authorities string
	// ServerName is what a client expects in the server's certificate; "": the
	// host it dials.
	ServerName string
}

// recheck is how often the files are looked at for a change. Tests shorten it.
var recheck = 5 * time.Second

// keyPair is a certificate that is read again when its files change, so that a
// renewed one counts without a restart.
type keyPair struct {
	certificate, key string
	mu               sync.Mutex
	current          *tls.Certificate
	stamp            [2]time.Time
	checked          time.Time
}

func (k *keyPair) load() error {
	var stamp [2]time.Time
	for i, path := range []string{k.certificate, k.key} {
		st, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("TLS certificate: %w", err)
		}
		stamp[i] = st.ModTime()
	}
	if k.current != nil && stamp == k.stamp {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(k.certificate, k.key)
	if err != nil {
		return fmt.Errorf("TLS certificate %s: %w", k.certificate, err)
	}
	k.current, k.stamp = &pair, stamp
	return nil
}

// get returns the present certificate. A broken renewal leaves the old one in
// use.
func (k *keyPair) get() (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := time.Now(); now.Sub(k.checked) > recheck {
		k.checked = now
		if err := k.load(); err != nil && k.current == nil {
			return nil, err
		}
	}
	return k.current, nil
}

// authorities reads a file of certificates.
func authorities(path string) (*x509.CertPool, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("TLS authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("TLS authorities: %s holds no certificate in PEM", path)
	}
	return pool, nil
}

// config is what both sides share: TLS 1.2 and 1.3, and for 1.2 only suites
// with forward secrecy and authenticated encryption (BCP 195, RFC 9325 4.2).
func (f TLSFiles) config() (*tls.Config, *keyPair, error) {
	cfg := &tls.Config{
		MinVersion: tls.VersionTLS12,
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
	}
	if f.Certificate == "" {
		return cfg, nil, nil
	}
	pair := &keyPair{certificate: f.Certificate, key: f.Key}
	if _, err := pair.get(); err != nil {
		return nil, nil, err
	}
	return cfg, pair, nil
}

// ServerTLS makes the configuration of a listener. With Authorities every
// client must show a certificate that they vouch for.
func ServerTLS(f TLSFiles) (*tls.Config, error) {
	cfg, pair, err := f.config()
	if err != nil {
		return nil, err
	}
	if pair == nil {
		return nil, errors.New("TLS server needs a certificate and its key")
	}
	cfg.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return pair.get() }
	if f.Authorities == "" {
		return cfg, nil
	}
	cfg.ClientAuth = tls.RequireAndVerifyClientCert
	trusting := &trust{path: f.Authorities, config: cfg.Clone()}
	if err := trusting.load(); err != nil {
		return nil, err
	}
	cfg.ClientCAs = trusting.config.ClientCAs
	cfg.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return trusting.get(), nil }
	return cfg, nil
}

// trust is a server's configuration whose authorities are read again when
// their file changes.
type trust struct {
	path    string
	mu      sync.Mutex
	config  *tls.Config
	stamp   time.Time
	checked time.Time
}

func (t *trust) load() error {
	st, err := os.Stat(t.path)
	if err != nil {
		return fmt.Errorf("TLS authorities: %w", err)
	}
	if st.ModTime().Equal(t.stamp) {
		return nil
	}
	pool, err := authorities(t.path)
	if err != nil {
		return err
	}
	// Handshakes under way still use the old configuration.
	t.config = t.config.Clone()
	t.config.ClientCAs, t.stamp = pool, st.ModTime()
	return nil
}

// get returns the present configuration. A file that cannot be read leaves the
// old authorities in use.
func (t *trust) get() *tls.Config {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := time.Now(); now.Sub(t.checked) > recheck {
		t.checked = now
		_ = t.load() // a broken renewal is no reason to refuse everyone
	}
	return t.config
}

// ClientTLS makes the configuration of a requestor.
func ClientTLS(f TLSFiles) (*tls.Config, error) {
	cfg, pair, err := f.config()
	if err != nil {
		return nil, err
	}
	cfg.ServerName = f.ServerName
	if pair != nil {
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return pair.get() }
	}
	if f.Authorities != "" {
		cfg.RootCAs, err = authorities(f.Authorities)
	}
	return cfg, err
}
