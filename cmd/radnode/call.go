package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/node"
)

// call is what every command that calls a DICOM peer is told by flags.
type call struct {
	callingAE *string
	timeout   *time.Duration
	asJSON    *bool
	secured   *bool
	user      *string
	token     *string
	files     node.TLSFiles
}

// callFlags adds the flags. The calling AE title is not the node's own: what
// comes from that is taken for the node's results and not analysed.
func callFlags(f *flag.FlagSet) *call {
	c := &call{
		callingAE: f.String("ae", "RADNODESCU", "calling AE `title`"),
		timeout:   f.Duration("timeout", 10*time.Minute, "longest time for the whole command"),
		asJSON:    f.Bool("json", false, "print JSON objects, one on a line"),
		secured:   f.Bool("tls", false, "call with TLS"),
		user:      f.String("user", "", "user `name` to call with as user identity; its passcode is taken from the variable RADNODE_PASSCODE"),
		token:     f.String("jwt-file", "", "`file` with a JSON web token to call with as user identity"),
	}
	f.StringVar(&c.files.Authorities, "tls-authorities", "", "`file` with the authorities that vouch for the peer (PEM); empty: the system's")
	f.StringVar(&c.files.Certificate, "tls-certificate", "", "`file` with our certificate (PEM), if the peer asks for one")
	f.StringVar(&c.files.Key, "tls-key", "", "`file` with its private key (PEM)")
	f.StringVar(&c.files.ServerName, "tls-name", "", "`name` in the peer's certificate; empty: the host that is called")
	return c
}

// parse reads flags and arguments: the peer and what follows it.
func (c *call) parse(f *flag.FlagSet, args []string, least, most int, usage string) (node.Target, []string, error) {
	rest, err := parse(f, args)
	if err != nil {
		return node.Target{}, nil, err
	}
	if len(rest) < least || most > 0 && len(rest) > most {
		return node.Target{}, nil, usageError{usage}
	}
	target, err := node.ParseTarget(rest[0], *c.callingAE)
	if err != nil {
		return node.Target{}, nil, usageError{err.Error()}
	}
	if *c.secured {
		target.TLS = &c.files
	}
	if *c.token != "" {
		b, err := os.ReadFile(*c.token)
		if err != nil {
			return node.Target{}, nil, usageError{err.Error()}
		}
		target.Identity = node.TokenIdentity(strings.TrimSpace(string(b)))
	} else if *c.user != "" {
		target.Identity = node.PasscodeIdentity(*c.user, os.Getenv("RADNODE_PASSCODE"))
	}
	return target, rest[1:], nil
}

// usageOr makes wrong usage of an error that says the request makes no sense.
func usageOr(err error) error {
	var coded *radnode.Error
	if errors.As(err, &coded) && coded.Code == radnode.Invalid {
		return usageError{coded.Message}
	}
	return err
}

// progressLine is a line on a terminal that is written over and over.
type progressLine struct {
	p     *program
	shown time.Time
	wrote bool
}

// progress begins a progress line on the error output; it is silent where that
// is no terminal or output is for a program.
func (p *program) progress(asJSON bool) *progressLine {
	file, ok := p.err.(*os.File)
	if !ok || asJSON {
		return &progressLine{}
	}
	if st, err := file.Stat(); err != nil || st.Mode()&os.ModeCharDevice == 0 {
		return &progressLine{}
	}
	return &progressLine{p: p}
}

// barWidth is the length of the bar in characters.
const barWidth = 24

// show writes the line, at most ten times a second: a bar where the total is
// known, and what it says beside it.
func (l *progressLine) show(done, total int, format string, args ...any) {
	if l.p == nil || time.Since(l.shown) < 100*time.Millisecond {
		return
	}
	l.shown, l.wrote = time.Now(), true
	bar := ""
	if total > 0 {
		filled := min(done, total) * barWidth / total
		bar = fmt.Sprintf("[%s%s] %3d %%  ", strings.Repeat("#", filled), strings.Repeat(".", barWidth-filled), min(done, total)*100/total)
	}
	fmt.Fprint(l.p.err, "\r\x1b[K"+bar+fmt.Sprintf(format, args...))
}

// clear makes room for a line of output.
func (l *progressLine) clear() {
	if l.wrote {
		fmt.Fprint(l.p.err, "\r\x1b[K")
	}
}

// end removes the line.
func (l *progressLine) end() {
	l.clear()
	l.wrote = false
}

// note writes one line beside the output.
func (p *program) note(format string, args ...any) {
	fmt.Fprintf(p.err, format+"\n", args...)
}
