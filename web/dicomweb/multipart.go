package dicomweb

import (
	"crypto/rand"
	"encoding/hex"
	"io"
	"math"
	"net/http"
	"os"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/radnode/radnode"
)

// parts writes a multipart/related body (PS3.18 8.6.1, RFC 2387).
type parts struct {
	c        echo.Context
	boundary string
	kind     string
	begun    bool
	status   int
	length   int64 // of the whole answer; 0: nobody knows before
}

func newParts(c echo.Context, kind string) *parts {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return &parts{c: c, boundary: hex.EncodeToString(b[:]), kind: kind, status: http.StatusOK}
}

// head is what stands before the body of a part.
func (p *parts) head(kind, location string, size int64, first bool) string {
	head := "\r\n--" + p.boundary
	if first {
		head = head[2:]
	}
	head += "\r\nContent-Type: " + kind
	if size >= 0 {
		head += "\r\nContent-Length: " + strconv.FormatInt(size, 10)
	}
	if location != "" {
		head += "\r\nContent-Location: " + location
	}
	return head + "\r\n\r\n"
}

// part begins a part; size -1 is not known before.
func (p *parts) part(kind, location string, size int64) (io.Writer, error) {
	res := p.c.Response()
	head := p.head(kind, location, size, !p.begun)
	if !p.begun {
		p.begun = true
		res.Header().Set(echo.HeaderContentType, `multipart/related; type="`+p.kind+`"; boundary=`+p.boundary)
		if p.length > 0 {
			res.Header().Set(echo.HeaderContentLength, strconv.FormatInt(p.length, 10))
		}
		res.WriteHeader(p.status)
	}
	alive(p.c, max(size, 0))
	_, err := io.WriteString(res, head)
	return res, err
}

func (p *parts) tail() string { return "\r\n--" + p.boundary + "--\r\n" }

// end closes the body.
func (p *parts) end() error {
	_, err := io.WriteString(p.c.Response(), p.tail())
	return err
}

// cut ends an answer that cannot be completed so that the client sees it: the
// connection breaks. Before the first byte the error is answered as any other.
func cut(c echo.Context, err error) error {
	if c.Response().Committed && radnode.CodeOf(err) != "" {
		panic(http.ErrAbortHandler)
	}
	return err
}

// copying copies a body of unknown length while it moves. A file, or a part of
// one, goes to the connection without passing through this program where the
// length of the answer is known.
func copying(c echo.Context, w io.Writer, r io.Reader) error {
	const piece = 4 << 20
	whole := &io.LimitedReader{R: r, N: math.MaxInt64}
	if x, ok := r.(*extract); ok {
		whole = &x.LimitedReader
	}
	_, isFile := whole.R.(*os.File)
	direct, ok := c.Response().Writer.(io.ReaderFrom)
	for {
		alive(c, piece)
		next := &io.LimitedReader{R: whole.R, N: min(piece, whole.N)}
		var n int64
		var err error
		if isFile && ok && c.Response().Committed {
			n, err = direct.ReadFrom(next)
			c.Response().Size += n
		} else {
			n, err = io.Copy(w, next)
		}
		if whole.N -= n; err != nil || n == 0 || whole.N == 0 {
			return err
		}
	}
}
