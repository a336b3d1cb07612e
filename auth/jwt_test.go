package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestATokenIsWorthWhatItsSignatureAndClaimsSay(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	encode := base64.RawURLEncoding.EncodeToString
	elliptical, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	es256 := func(text string) []byte {
		sum := sha256.Sum256([]byte(text))
		r, s, err := ecdsa.Sign(rand.Reader, elliptical, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
	eddsa := func(text string) []byte { return ed25519.Sign(edwards, []byte(text)) }
	open := func(key any) *Issuer {
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "key.pem")
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		i, err := OpenIssuer(file, "hospital", "radnode")
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	ec, ed := open(&elliptical.PublicKey), open(public)
	good := fmt.Sprintf(`{"iss":"hospital","aud":["x","radnode"],"sub":"kim","exp":%d}`, now.Unix()+60)
	for name, c := range map[string]struct {
		issuer    *Issuer
		algorithm string
		claims    string
		sign      func(string) []byte
		want      bool
	}{
		"ECDSA":                      {ec, "ES256", good, es256, true},
		"Ed25519":                    {ed, "EdDSA", good, eddsa, true},
		"no algorithm":               {ec, "none", good, func(string) []byte { return nil }, false},
		"another algorithm":          {ec, "HS256", good, es256, false},
		"a signature of another key": {ec, "ES256", good, func(s string) []byte { return append(es256(s + "x")[:64:64], 0)[:64] }, false},
		"a signature that is cut":    {ec, "ES256", good, func(s string) []byte { return es256(s)[:63] }, false},
		"no expiry":                  {ec, "ES256", `{"iss":"hospital","aud":"radnode","sub":"kim"}`, es256, false},
		"expired":                    {ec, "ES256", fmt.Sprintf(`{"iss":"hospital","aud":"radnode","sub":"kim","exp":%d}`, now.Unix()-120), es256, false},
		"not yet valid":              {ec, "ES256", fmt.Sprintf(`{"iss":"hospital","aud":"radnode","sub":"kim","exp":%d,"nbf":%d}`, now.Unix()+900, now.Unix()+600), es256, false},
		"another issuer":             {ec, "ES256", strings.Replace(good, "hospital", "elsewhere", 1), es256, false},
		"another audience":           {ec, "ES256", strings.Replace(good, "radnode", "other", 1), es256, false},
		"no subject":                 {ec, "ES256", strings.Replace(good, "kim", "", 1), es256, false},
	} {
		t.Run(name, func(t *testing.T) {
			text := encode([]byte(`{"alg":"`+c.algorithm+`"}`)) + "." + encode([]byte(c.claims))
			subject, err := c.issuer.Verify(text+"."+encode(c.sign(text)), now)
			if (err == nil) != c.want || c.want && subject != "kim" {
				t.Errorf("%q, %v", subject, err)
			}
		})
	}
	for _, junk := range []string{"", "a.b", "a.b.c", strings.Repeat("a", maxToken+1), "..", encode([]byte("{}")) + "." + encode([]byte("[]")) + "."} {
		if _, err := ec.Verify(junk, now); err == nil {
			t.Errorf("%.20q was taken for a token", junk)
		}
	}
}
