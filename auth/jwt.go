package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/radnode/radnode"
)

// Issuer verifies JSON web tokens (RFC 7519) of one issuer. Which algorithm a
// token may use follows from the key, never from the token (RFC 8725 3.1).
type Issuer struct {
	Name     string // claim iss; "": any
	Audience string // claim aud; "": any
	key      any    // *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey or []byte
}

const (
	// minSharedKey is the least length of a shared key (RFC 7518 3.2).
	minSharedKey = 32
	// maxToken bounds a token.
	maxToken = 16 << 10
	// clockSkew is how far the issuer's clock may be off.
	clockSkew = time.Minute
)

// OpenIssuer reads the issuer's key from a file: a public key or certificate
// in PEM, or else the bytes of a shared key.
func OpenIssuer(file, name, audience string) (*Issuer, error) {
	const op = "open token issuer"
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, radnode.Errorf(radnode.Invalid, op, "the key cannot be read: %w", err)
	}
	i := &Issuer{Name: name, Audience: audience}
	block, _ := pem.Decode(b)
	if block == nil {
		shared := []byte(strings.TrimSpace(string(b)))
		if len(shared) < minSharedKey {
			return nil, radnode.Errorf(radnode.Invalid, op, "the file holds neither a key in PEM nor a shared key of at least %d characters", minSharedKey)
		}
		i.key = shared
		return i, nil
	}
	if i.key, err = x509.ParsePKIXPublicKey(block.Bytes); err != nil {
		certificate, errCertificate := x509.ParseCertificate(block.Bytes)
		if errCertificate != nil {
			return nil, radnode.Errorf(radnode.Invalid, op, "the key is neither a public key nor a certificate: %w", err)
		}
		i.key = certificate.PublicKey
	}
	if algorithmOf(i.key) == "" {
		return nil, radnode.Errorf(radnode.Invalid, op, "the key is of a kind that is not supported: use RSA, ECDSA P-256 or Ed25519")
	}
	return i, nil
}

// algorithmOf is the one algorithm of a key (RFC 7518 3.1, RFC 8037); "": none.
func algorithmOf(key any) string {
	switch k := key.(type) {
	case []byte:
		return "HS256"
	case *rsa.PublicKey:
		return "RS256"
	case *ecdsa.PublicKey:
		if k.Curve.Params().BitSize == 256 {
			return "ES256"
		}
	case ed25519.PublicKey:
		return "EdDSA"
	}
	return ""
}

// claims are what a token says (RFC 7519 4.1).
type claims struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  audience `json:"aud"`
	Expires   *float64 `json:"exp"`
	NotBefore *float64 `json:"nbf"`
}

// audience is one name or a list of names.
type audience []string

func (a *audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

// Verify returns the subject of a token that is right now.
func (i *Issuer) Verify(token string, now time.Time) (subject string, err error) {
	const op = "verify token"
	refuse := func(why string) (string, error) { return "", radnode.Errorf(radnode.Unauthorized, op, "%s", why) }
	parts := strings.Split(token, ".")
	if len(token) > maxToken || len(parts) != 3 {
		return refuse("it is no signed JSON web token")
	}
	var header struct {
		Algorithm string   `json:"alg"`
		Critical  []string `json:"crit"`
	}
	var c claims
	signature, errSignature := base64.RawURLEncoding.DecodeString(parts[2])
	if !decodePart(parts[0], &header) || !decodePart(parts[1], &c) || errSignature != nil {
		return refuse("its parts cannot be read")
	}
	if header.Algorithm != algorithmOf(i.key) || len(header.Critical) > 0 {
		return refuse("it is signed in another way than the configured key is for")
	}
	if !i.signed([]byte(parts[0]+"."+parts[1]), signature) {
		return refuse("its signature is wrong")
	}
	return i.judge(c, now)
}

// judge looks at the claims of a token whose signature is right.
func (i *Issuer) judge(c claims, now time.Time) (string, error) {
	at := func(seconds *float64) time.Time { return time.Unix(int64(*seconds), 0) }
	why := ""
	switch {
	case c.Expires == nil:
		why = "it never expires"
	case now.After(at(c.Expires).Add(clockSkew)):
		why = "it has expired"
	case c.NotBefore != nil && now.Before(at(c.NotBefore).Add(-clockSkew)):
		why = "it is not valid yet"
	case i.Name != "" && c.Issuer != i.Name:
		why = "it is from another issuer"
	case i.Audience != "" && !slices.Contains(c.Audience, i.Audience):
		why = "it is for another audience"
	case c.Subject == "":
		why = "it names no subject"
	default:
		return c.Subject, nil
	}
	return "", radnode.Errorf(radnode.Unauthorized, "verify token", "%s", why)
}

func decodePart(text string, into any) bool {
	b, err := base64.RawURLEncoding.DecodeString(text)
	return err == nil && json.Unmarshal(b, into) == nil
}

func (i *Issuer) signed(text, signature []byte) bool {
	sum := sha256.Sum256(text)
	switch key := i.key.(type) {
	case []byte:
		mac := hmac.New(sha256.New, key)
		mac.Write(text)
		return subtle.ConstantTimeCompare(mac.Sum(nil), signature) == 1
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil
	case *ecdsa.PublicKey:
		return len(signature) == 64 && ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	case ed25519.PublicKey:
		return ed25519.Verify(key, text, signature)
	}
	return false
}
