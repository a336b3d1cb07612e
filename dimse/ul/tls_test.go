package ul_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
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
