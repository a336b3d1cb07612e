package ul_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/radnode/radnode/dimse/ul"
)

// writeCertificate writes a self-signed certificate with a serial number.
func writeCertificate(t *testing.T, f ul.TLSFiles, serial int64, changed time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{f.Certificate: {Type: "CERTIFICATE", Bytes: der}, f.Key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, changed, changed); err != nil {
			t.Fatal(err)
		}
	}
}

func TestARenewedCertificateCountsWithoutARestart(t *testing.T) {
	ul.RecheckTLS(t, 0)
	dir := t.TempDir()
	f := ul.TLSFiles{Certificate: filepath.Join(dir, "c.pem"), Key: filepath.Join(dir, "c.key")}
	writeCertificate(t, f, 1, time.Now().Add(-time.Minute))
	cfg, err := ul.ServerTLS(f)
	if err != nil {
		t.Fatal(err)
	}
	serial := func() int64 {
		c, err := cfg.GetCertificate(&tls.ClientHelloInfo{})
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(c.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return leaf.SerialNumber.Int64()
	}
	if serial() != 1 {
		t.Error("not the first certificate")
	}
	writeCertificate(t, f, 2, time.Now())
	if serial() != 2 {
		t.Error("the renewed certificate does not count")
	}
	if err := os.WriteFile(f.Key, []byte("half a k"), 0o600); err != nil {
		t.Fatal(err)
	}
	if serial() != 2 {
		t.Error("a broken renewal took the working certificate away")
	}
}

func TestASessionOfAnAuthorityThatIsTrustedNoMoreIsNotResumed(t *testing.T) {
	ul.RecheckTLS(t, 0)
	dir := t.TempDir()
	of := func(name string) ul.TLSFiles {
		return ul.TLSFiles{Certificate: filepath.Join(dir, name+".pem"), Key: filepath.Join(dir, name+".key")}
	}
	own, client, other := of("own"), of("client"), of("other")
	for i, f := range []ul.TLSFiles{own, client, other} {
		writeCertificate(t, f, int64(i+1), time.Now().Add(-time.Minute))
	}
	own.Authorities = filepath.Join(dir, "trusted.pem")
	trust := func(f ul.TLSFiles, since time.Time) {
		text, err := os.ReadFile(f.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.WriteFile(own.Authorities, text, 0o600), os.Chtimes(own.Authorities, since, since)); err != nil {
			t.Fatal(err)
		}
	}
	trust(client, time.Now().Add(-time.Minute))
	server, err := ul.ServerTLS(own)
	if err != nil {
		t.Fatal(err)
	}
	calling, err := ul.ClientTLS(client)
	if err != nil {
		t.Fatal(err)
	}
	calling.ClientSessionCache, calling.InsecureSkipVerify = tls.NewLRUClientSessionCache(1), true
	call := func() (resumed bool, err error) {
		a, b := net.Pipe()
		defer a.Close()
		defer b.Close()
		go func() {
			s := tls.Server(b, server)
			if s.Handshake() == nil {
				_, _ = s.Write([]byte("x")) // the session's ticket comes before it
			}
			_ = s.Close()
		}()
		c := tls.Client(a, calling)
		if _, err := c.Read(make([]byte, 1)); err != nil {
			return false, err
		}
		return c.ConnectionState().DidResume, nil
	}
	if _, err := call(); err != nil {
		t.Fatal(err)
	}
	if resumed, err := call(); err != nil || !resumed {
		t.Errorf("the second call: resumed %v, %v", resumed, err)
	}
	trust(other, time.Now())
	if resumed, err := call(); err == nil {
		t.Errorf("a caller whom nobody trusts any more got in; resumed: %v", resumed)
	}
}

func TestTLSFilesThatCannotWorkAreRefused(t *testing.T) {
	dir := t.TempDir()
	f := ul.TLSFiles{Certificate: filepath.Join(dir, "c.pem"), Key: filepath.Join(dir, "c.key")}
	if _, err := ul.ServerTLS(f); err == nil {
		t.Error("missing files were accepted")
	}
	if _, err := ul.ServerTLS(ul.TLSFiles{}); err == nil {
		t.Error("a server without certificate was accepted")
	}
	writeCertificate(t, f, 1, time.Now())
	f.Authorities = f.Key
	if _, err := ul.ServerTLS(f); err == nil {
		t.Error("authorities without a certificate were accepted")
	}
}
