package dicomweb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/textproto"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

type found struct {
	header textproto.MIMEHeader
	body   []byte
}

// theirs takes a body apart with the package of the standard library.
func theirs(body io.Reader, boundary string) (list []found, err error) {
	r := multipart.NewReader(body, boundary)
	for {
		p, err := r.NextRawPart()
		if err != nil {
			return list, err
		}
		b, err := io.ReadAll(p)
		if err != nil {
			return list, err
		}
		list = append(list, found{p.Header, b})
	}
}

// ours does it with bodyParts; read says how a part is read.
func ours(body io.Reader, boundary string, read func(io.Reader) ([]byte, error)) (list []found, err error) {
	p := newBodyParts(body, boundary)
	defer p.close()
	for {
		header, err := p.next()
		if err != nil {
			return list, err
		}
		b, err := read(p)
		if err != nil {
			return list, err
		}
		list = append(list, found{header, b})
	}
}

func compare(t *testing.T, body, boundary string) {
	t.Helper()
	want, wantErr := theirs(strings.NewReader(body), boundary)
	for name, source := range map[string]io.Reader{"at once": strings.NewReader(body), "byte by byte": iotest.OneByteReader(strings.NewReader(body))} {
		got, err := ours(source, boundary, io.ReadAll)
		if (err == io.EOF) != (wantErr == io.EOF) {
			t.Errorf("%s: %v, want %v", name, err, wantErr)
		}
		if wantErr == io.EOF && !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %d parts, want %d, or others", name, len(got), len(want))
		}
	}
}

func TestBodiesComeApartAsInTheStandardLibrary(t *testing.T) {
	for name, body := range map[string]string{
		"usual":                      "--x\r\nContent-Type: a/b\r\n\r\none\r\n--x\r\nA: 1\r\nB: 2\r\n\r\ntwo\r\n--x--\r\n",
		"no last line break":         "--x\r\nA: 1\r\n\r\none\r\n--x--",
		"preamble and epilogue":      "for old readers\r\n--xy\r\n-- x\r\n--x\r\nA: 1\r\n\r\none\r\n--x--\r\nmore\r\n--x\r\n",
		"empty parts":                "--x\r\nA: 1\r\n\r\n--x\r\nA: 2\r\n\r\n\r\n--x--\r\n",
		"no fields":                  "--x\r\n\r\none\r\n--x--\r\n",
		"blanks behind boundaries":   "--x \t\r\nA: 1\r\n\r\none\r\n--x \r\nA: 2\r\n\r\ntwo\r\n--x-- \r\n",
		"longer boundaries are data": "--x\r\nA: 1\r\n\r\none\r\n--xx\r\n--x-y\r\n--\r\n\r\n--x--\r\n",
		"line feeds alone":           "--x\nA: 1\n\none\r\n\n--x\nA: 2\n\ntwo\n--x--\n",
		"breaks before the boundary": "--x\r\nA: 1\r\n\r\n\r\r\n\r\n\r\n--x--\r\n",
		"nothing":                    "",
		"no boundary":                "one\r\ntwo\r\n",
		"cut off in the data":        "--x\r\nA: 1\r\n\r\none",
		"cut off in the boundary":    "--x\r\nA: 1\r\n\r\none\r\n--",
		"cut off behind it":          "--x\r\nA: 1\r\n\r\none\r\n--x",
		"no field":                   "--x\r\nnonsense\r\n\r\none\r\n--x--\r\n",
		"closed at once":             "--x--\r\n",
	} {
		t.Run(name, func(t *testing.T) { compare(t, body, "x") })
	}
}

func TestLongPartsWithAlmostBoundariesComeApart(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		boundary := strings.Repeat("b", 1+random.IntN(70))
		var body bytes.Buffer
		for part := range 1 + random.IntN(4) {
			fmt.Fprintf(&body, "--%s\r\nContent-Type: application/dicom\r\nN: %d\r\n\r\n", boundary, part)
			for range random.IntN(12) {
				piece := make([]byte, random.IntN(90_000))
				for i := range piece {
					piece[i] = byte(random.Uint32())
				}
				body.Write(piece)
				body.WriteString(("\r\n--" + boundary)[:random.IntN(len(boundary)+4)])
			}
			body.WriteString("\r\n")
		}
		fmt.Fprintf(&body, "--%s--\r\n", boundary)
		compare(t, body.String(), boundary)
	}
}

func TestPartsThatNobodyReadsArePassedOver(t *testing.T) {
	big := strings.Repeat("\r\n--y", 200_000)
	body := "--x\r\nA: 1\r\n\r\n" + big + "\r\n--x\r\nA: 2\r\n\r\n" + big + "\r\n--x--\r\n"
	n := 0
	got, err := ours(strings.NewReader(body), "x", func(r io.Reader) ([]byte, error) {
		n++
		return io.ReadAll(io.LimitReader(r, int64(n*7)))
	})
	if err != io.EOF || len(got) != 2 || len(got[0].body) != 7 || len(got[1].body) != 14 {
		t.Errorf("%d parts, %v", len(got), err)
	}
}

func TestPartsWithFieldsThatAreEndlessOrCutOffAreRefused(t *testing.T) {
	for _, body := range []string{
		"--x\r\nA: 1\r\n",
		"--x\r\n" + strings.Repeat("A: 1\r\n", 10_000) + "\r\none\r\n--x--",
		"--x\r\nA: " + strings.Repeat("1", 1<<20) + "\r\n\r\none\r\n--x--",
		"--x" + strings.Repeat(" ", 1<<20) + "\r\n\r\none\r\n--x--",
	} {
		if _, err := ours(strings.NewReader(body), "x", io.ReadAll); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%v", err)
		}
	}
}

func FuzzBodyParts(f *testing.F) {
	f.Add("--x\r\nA: 1\r\n\r\none\r\n--x--\r\n", "x")
	f.Add("a\r\n--x\nA: 1\n\n\n--x--", "x")
	f.Fuzz(func(t *testing.T, body, boundary string) {
		if boundary == "" || len(boundary) > maxBoundary {
			return
		}
		if _, err := ours(strings.NewReader(body), boundary, io.ReadAll); err == nil {
			t.Error("no end")
		}
	})
}

func BenchmarkBodyParts(b *testing.B) {
	image := make([]byte, 512<<10)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range image {
		image[i] = byte(random.Uint32())
	}
	body := "--boundary-7777\r\nContent-Type: application/dicom\r\n\r\n" + string(image) + "\r\n--boundary-7777--\r\n"
	into := make([]byte, 256<<10)
	drain := func(r io.Reader) ([]byte, error) {
		for {
			if _, err := r.Read(into); err == io.EOF {
				return nil, nil
			} else if err != nil {
				return nil, err
			}
		}
	}
	b.Run("here", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			if _, err := ours(strings.NewReader(body), "boundary-7777", drain); err != io.EOF {
				b.Fatal(err)
			}
		}
	})
	b.Run("mime/multipart", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			p, err := multipart.NewReader(strings.NewReader(body), "boundary-7777").NextRawPart()
			if err != nil {
				b.Fatal(err)
			}
			if _, err := drain(p); err != nil {
				b.Fatal(err)
			}
		}
	})
}
