package node

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/models"
)

// modelArchive is a package of a bundled model under another version.
func modelArchive(t *testing.T) []byte {
	t.Helper()
	files, err := fs.Glob(models.Bundled, "paediatric-pneumonia/*/*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, file := range files {
		data, err := models.Bundled.ReadFile(file)
		if err != nil {
			continue // a folder
		}
		w, err := z.Create(file[strings.LastIndex(file, "/")+1:])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAModelIsFetchedFromAnAddressAndFromAnObjectStore(t *testing.T) {
	data := modelArchive(t)
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256(data))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/models/lung.zip" && strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=KEY/"), r.URL.Path == "/lung.zip":
			http.ServeContent(w, r, "", time.Now(), bytes.NewReader(data))
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	for name, value := range map[string]string{"AWS_ENDPOINT_URL": server.URL, "AWS_ACCESS_KEY_ID": "KEY", "AWS_SECRET_ACCESS_KEY": "SECRET", "AWS_REGION": "eu-central-1"} {
		t.Setenv(name, value)
	}
	tests := map[string]struct {
		source, digest string
		want           radnode.Code
	}{
		"an address":                        {server.URL + "/lung.zip", digest, ""},
		"an object store":                   {"s3://models/lung.zip", "", ""},
		"an object store with a digest":     {"s3://models/lung.zip", digest, ""},
		"another archive":                   {"s3://models/lung.zip", "sha256:00", radnode.Invalid},
		"an unprotected one without digest": {server.URL + "/lung.zip", "", radnode.Invalid},
		"nothing there":                     {server.URL + "/other.zip", digest, radnode.Unavailable},
		"no such object":                    {"s3://models/other.zip", "", radnode.Unavailable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := Config{Data: t.TempDir()}
			m, err := AddModel(context.Background(), c, tt.source, tt.digest)
			if radnode.CodeOf(err) != tt.want || tt.want == "" && (m == nil || m.ID != "paediatric-pneumonia") {
				t.Errorf("got %v, %v", m, err)
			}
		})
	}
}

func TestAnArchiveIsNotFetchedThroughARedirectAwayFromHTTPS(t *testing.T) {
	for _, tt := range []struct {
		from, to string
		follows  bool
	}{
		{"https://a/m.zip", "https://b/m.zip", true},
		{"https://a/m.zip", "http://b/m.zip", false},
		{"http://a/m.zip", "http://b/m.zip", true}, // its digest is compared
	} {
		from, to := httptest.NewRequest(http.MethodGet, tt.from, nil), httptest.NewRequest(http.MethodGet, tt.to, nil)
		if err := asProtected(to, []*http.Request{from}); (err == nil) != tt.follows {
			t.Errorf("%s to %s: %v", tt.from, tt.to, err)
		}
	}
}
