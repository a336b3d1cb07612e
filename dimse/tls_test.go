package dimse_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/radnode/radnode/dimse"
	"github.com/radnode/radnode/dimse/ul"
)

// certificate writes a self-signed certificate for 127.0.0.1 and its key.
func certificate(t *testing.T, dir, name string) ul.TLSFiles {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	f := ul.TLSFiles{Certificate: filepath.Join(dir, name+".pem"), Key: filepath.Join(dir, name+".key")}
	for path, block := range map[string]*pem.Block{
		f.Certificate: {Type: "CERTIFICATE", Bytes: der},
		f.Key:         {Type: "PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// startTLS runs a server on a TLS listener.
func startTLS(t *testing.T, files ul.TLSFiles, cfg dimse.ServerConfig) string {
	t.Helper()
	tlsConfig, err := ul.ServerTLS(files)
	if err != nil {
		t.Fatal(err)
	}
	cfg.AETitle, cfg.Log = "RADNODE", slog.New(slog.DiscardHandler)
	s, err := dimse.NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", tlsConfig)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(context.Background(), ln) }()
	t.Cleanup(func() { _ = s.Shutdown(context.Background()) })
	return ln.Addr().String()
}

func TestTLSServerAndClientAuthenticateEachOther(t *testing.T) {
	dir := t.TempDir()
	server, client, stranger := certificate(t, dir, "server"), certificate(t, dir, "client"), certificate(t, dir, "stranger")
	server.Authorities, client.Authorities, stranger.Authorities = client.Certificate, server.Certificate, server.Certificate
	store := &memoryStore{}
	address := startTLS(t, server, dimse.ServerConfig{Store: store})
	open := func(f ul.TLSFiles) (*dimse.Client, error) {
		cfg, err := ul.ClientTLS(f)
		if err != nil {
			t.Fatal(err)
		}
		return dimse.Dial(context.Background(), address, dimse.ClientConfig{CallingAE: "TEST", CalledAE: "RADNODE", TLS: cfg}, dimse.StorageContexts(object("")))
	}
	c, err := open(client)
	if err != nil {
		t.Fatal(err)
	}
	want := bytes.Repeat([]byte("TLS "), 300_000)
	if rsp, err := c.Store(context.Background(), object("1.2.3"), bytes.NewReader(want)); err != nil || rsp.Err() != nil {
		t.Errorf("%v %v", rsp, err)
	}
	if got, _ := store.object("1.2.3"); !bytes.Equal(got, want) {
		t.Errorf("%d bytes came", len(got))
	}
	if state := store.request().TLS; state == nil || state.PeerCertificates[0].Subject.CommonName != "client" {
		t.Error("the handler does not see the client's certificate")
	}
	if err := c.Release(context.Background()); err != nil {
		t.Error(err)
	}
	if _, err := open(stranger); err == nil {
		t.Error("a stranger's certificate was accepted")
	}
	if _, err := open(ul.TLSFiles{Authorities: server.Certificate}); err == nil {
		t.Error("a client without certificate was accepted")
	}
	if _, err := open(ul.TLSFiles{Certificate: client.Certificate, Key: client.Key, Authorities: client.Certificate}); err == nil {
		t.Error("the client trusted an unknown server")
	}
	if _, err := dimse.Dial(context.Background(), address, dimse.ClientConfig{CallingAE: "TEST", CalledAE: "RADNODE", UL: ul.Config{Response: time.Second}}, dimse.VerificationContexts()); err == nil {
		t.Error("a plain association was accepted on the TLS port")
	}
}

func TestDCMTKSpeaksTLSInBothDirections(t *testing.T) {
	echoscu, storescu, storescp := tool(t, "echoscu"), tool(t, "storescu"), tool(t, "storescp")
	dir := t.TempDir()
	server, client := certificate(t, dir, "server"), certificate(t, dir, "client")
	server.Authorities, client.Authorities = client.Certificate, server.Certificate
	store := &memoryStore{}
	address := startTLS(t, server, dimse.ServerConfig{Store: store})
	_, port, _ := net.SplitHostPort(address)
	tlsOptions := []string{"+tls", client.Key, client.Certificate, "+cf", server.Certificate, "-aec", "RADNODE", "127.0.0.1", port}
	if _, err := run(t, echoscu, tlsOptions...); err != nil {
		t.Error(err)
	}
	path := sharedFiles(t, "image/ct1_explicit_le.dcm")[0]
	if _, err := run(t, storescu, append(tlsOptions, path)...); err != nil {
		t.Error(err)
	}
	if _, ok := store.object(readSample(t, path).instance); !ok {
		t.Error("storescu's object did not come over TLS")
	}
	back := freePort(t)
	start(t, storescp, "+tls", server.Key, server.Certificate, "+cf", client.Certificate, "-od", dir, back)
	waitForPort(t, back)
	cfg, err := ul.ClientTLS(client)
	if err != nil {
		t.Fatal(err)
	}
	c, err := dimse.Dial(context.Background(), "127.0.0.1:"+back, dimse.ClientConfig{CallingAE: "TEST", CalledAE: "ANY", TLS: cfg}, dimse.VerificationContexts())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Echo(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestUserIdentityDecides(t *testing.T) {
	address, _ := startServer(t, dimse.ServerConfig{
		Identify: func(_ context.Context, _ *dimse.Association, id *ul.UserIdentity) ([]byte, error) {
			if id.Type != ul.IdentityPasscode || string(id.Primary) != "jane" || string(id.Secondary) != "secret" {
				return nil, io.ErrUnexpectedEOF
			}
			return []byte("welcome"), nil
		},
	})
	for passcode, want := range map[string]bool{"secret": true, "guess": false} {
		c, err := dimse.Dial(context.Background(), address, dimse.ClientConfig{
			CallingAE: "TEST", CalledAE: "RADNODE",
			Identity: &ul.UserIdentity{Type: ul.IdentityPasscode, PositiveResponseRequested: true, Primary: []byte("jane"), Secondary: []byte(passcode)},
		}, dimse.VerificationContexts())
		if (err == nil) != want {
			t.Errorf("passcode %q: %v", passcode, err)
		}
		if err == nil {
			_ = c.Close()
		}
	}
}
