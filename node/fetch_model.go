package node

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/radnode/radnode"
)

// maxModelArchive is the largest archive that is fetched.
const maxModelArchive = 3 << 30

// isRemote reports whether a package has to be fetched.
func isRemote(source string) bool {
	for _, scheme := range []string{"https://", "http://", "s3://"} {
		if strings.HasPrefix(source, scheme) {
			return true
		}
	}
	return false
}

// fetchModel copies an archive from a web server or an object store into dir.
// digest ("sha256:…") is compared where it is given; plain http needs it, as
// anybody on the way could change the archive.
func fetchModel(ctx context.Context, source, digest, dir string) (string, error) {
	const op = "fetch model"
	u, err := url.Parse(source)
	if err != nil {
		return "", radnode.Errorf(radnode.Invalid, op, "%.100q is no address", source)
	}
	if u.Scheme == "http" && digest == "" {
		return "", radnode.Errorf(radnode.Invalid, op, "give --digest sha256:… with an address that is not https")
	}
	var body io.ReadCloser
	if u.Scheme == "s3" {
		body, err = openObject(ctx, u)
	} else {
		body, err = openAddress(ctx, u)
	}
	if err != nil {
		return "", radnode.Errorf(radnode.Unavailable, op, "%s: %w", u.Redacted(), err)
	}
	defer body.Close()
	name := filepath.Join(dir, path.Base(u.Path))
	if err := save(name, body, digest); err != nil {
		return "", radnode.Errorf(radnode.Invalid, op, "%s: %w", u.Redacted(), err)
	}
	return name, nil
}

// openObject opens an object as s3://bucket/key. Where the store is and who
// asks comes from the environment, as for other S3 clients: AWS_ENDPOINT_URL,
// AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY.
func openObject(ctx context.Context, u *url.URL) (io.ReadCloser, error) {
	endpoint := &url.URL{Scheme: "https", Host: "s3.amazonaws.com"}
	if text := os.Getenv("AWS_ENDPOINT_URL"); text != "" {
		var err error
		if endpoint, err = url.Parse(text); err != nil || endpoint.Host == "" {
			return nil, fmt.Errorf("AWS_ENDPOINT_URL is no address")
		}
	}
	client, err := minio.New(endpoint.Host, &minio.Options{
		Creds: credentials.NewEnvAWS(), Secure: endpoint.Scheme == "https", Region: os.Getenv("AWS_REGION"),
	})
	if err != nil {
		return nil, err
	}
	object, err := client.GetObject(ctx, u.Host, strings.TrimPrefix(u.Path, "/"), minio.GetObjectOptions{})
	if err != nil {
		return nil, err
	}
	if _, err := object.Stat(); err != nil { // the first request is made here
		_ = object.Close() // the first error is the one to tell
		return nil, err
	}
	return object, nil
}

func openAddress(ctx context.Context, u *url.URL) (io.ReadCloser, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	client := &http.Client{CheckRedirect: asProtected}
	answer, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		_ = answer.Body.Close() // nothing of it is wanted
		return nil, fmt.Errorf("the server answers %s", answer.Status)
	}
	return answer.Body, nil
}

// asProtected follows redirects, but none away from https: without a digest
// only that says whose archive it is.
func asProtected(to *http.Request, via []*http.Request) error {
	switch {
	case len(via) > 5:
		return errors.New("the server redirects too often")
	case via[0].URL.Scheme == "https" && to.URL.Scheme != "https":
		return errors.New("the server redirects to an address that is not https")
	}
	return nil
}

// save writes what is fetched and compares its digest.
func save(name string, from io.Reader, digest string) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, h), io.LimitReader(from, maxModelArchive+1))
	if closed := f.Close(); err == nil {
		err = closed
	}
	switch got := "sha256:" + hex.EncodeToString(h.Sum(nil)); {
	case err != nil:
		return err
	case n > maxModelArchive:
		return fmt.Errorf("the archive has more than %d bytes", maxModelArchive)
	case digest != "" && got != digest:
		return fmt.Errorf("the archive is another one: its digest is %s", got)
	}
	return nil
}
