// Command radnode is the node and its tools: one file per subcommand.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/node"
)

// Exit statuses of every command (public contract).
const (
	exitSuccess = 0
	exitFailure = 1
	exitUsage   = 2
)

// command is one subcommand.
type command struct {
	name, usage, short string
	run                func(ctx context.Context, p *program, args []string) error
}

// commands in the order of `radnode help`.
func commands() []command {
	return []command{
		{"serve", "serve [--config FILE] [--data DIR] [--ae TITLE] [--dicom ADDR] [--http ADDR] …", "run the node", serve},
		{"analyze", "analyze PATH… [--model ID] [--out DIR] [--json]", "read files or folders with the models, without a server", analyze},
		{"echo", "echo CALLED@HOST:PORT [--ae CALLING] [--tls] [--json]", "verify that a DICOM peer answers (C-ECHO)", echo},
		{"store", "store CALLED@HOST:PORT PATH… [--ae CALLING] [--tls] [--json]", "send files or folders to a DICOM peer (C-STORE)", storeFiles},
		{"find", "find CALLED@HOST:PORT [--level LEVEL] [-k ATTRIBUTE=VALUE]… [--ae CALLING] [--json]", "query a DICOM peer (C-FIND)", find},
		{"get", "get CALLED@HOST:PORT [--level LEVEL] -k ATTRIBUTE=VALUE… [--out DIR] [--ae CALLING] [--json]", "fetch from a DICOM peer (C-GET)", get},
		{"move", "move CALLED@HOST:PORT --to AE [--level LEVEL] -k ATTRIBUTE=VALUE… [--ae CALLING] [--json]", "have a DICOM peer send to another one (C-MOVE)", move},
		{"commit", "commit CALLED@HOST:PORT PATH… [--listen ADDR] [--ae CALLING] [--json]", "ask a DICOM peer to commit itself to files it was sent (storage commitment)", commit},
		{"import", "import PATH… [--json]", "take files or folders into the node's store", importFiles},
		{"model", "model list | add PATH | remove ID@VERSION | verify [ID] | bench ID [--seconds S] [--json]", "the models this node knows", model},
		{"pipeline", "pipeline show PIPELINE [--mermaid] [--json] | run PATH… PIPELINE [--frame N] [--out DIR] [--json]", "draw a preprocessing pipeline, or run it on an image or a series and look at its stages", pipeline},
		{"replay", "replay RESULT [--json]", "make a result of the data folder again; exit 1 if it comes out otherwise", replay},
		{"user", "user add NAME --role ROLE [--full-name NAME] | list | disable NAME | enable NAME", "accounts of people", user},
		{"token", "token create --role ROLE --name NAME | list | revoke NAME", "tokens of programs", token},
		{"peer", "peer add NAME AE@HOST:PORT [--allow store,query,retrieve,commit] [--deliver sr,seg] [--tls] … | add NAME ADDRESS --kind stow|fhir|hl7 | set NAME [AE@HOST:PORT] … | list [--json] | remove NAME", "DICOM peers and destinations", peer},
		{"worklist", "worklist import PATH… | list [--json] | remove STUDY STEP | remove --before DATE", "scheduled procedure steps for modalities (modality worklist)", worklist},
		{"ledger", "ledger [--verify] [--json]", "balance of everything the node accepted; exit 1 if anything is unaccounted for", ledger},
		{"reindex", "reindex [--json]", "write what the index lacks of the stored instances, or all of it; the node must be stopped", reindex},
		{"doctor", "doctor [--json]", "what works on this machine, and the remedy for what does not", doctor},
		{"config", "config [--config FILE] …", "print the effective configuration with comments", printConfig},
		{"version", "version [--json]", "print the version", version},
	}
}

// program is what a command works with.
type program struct {
	command command
	in      io.Reader
	out     io.Writer
	err     io.Writer
	getenv  func(string) string
}

// usageError ends a command with status 2.
type usageError struct{ message string }

func (e usageError) Error() string { return e.message }

// errReported ends a command with status 1 when its output already says why.
var errReported = errors.New("the output says what failed")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], &program{in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv}))
}

func run(ctx context.Context, args []string, p *program) int {
	if len(args) == 0 {
		help(p.err, "")
		return exitUsage
	}
	if args[0] == "help" || args[0] == "--help" || args[0] == "-h" {
		name := ""
		if len(args) > 1 {
			name = args[1]
		}
		return help(p.out, name)
	}
	for _, c := range commands() {
		if c.name != args[0] {
			continue
		}
		p.command = c
		return p.status(c.run(ctx, p, args[1:]))
	}
	fmt.Fprintf(p.err, "radnode: there is no command %q; `radnode help` lists them\n", args[0])
	return exitUsage
}

func (p *program) status(err error) int {
	var usage usageError
	switch {
	case err == nil:
		return exitSuccess
	case errors.Is(err, flag.ErrHelp):
		return exitSuccess
	case errors.As(err, &usage):
		fmt.Fprintf(p.err, "radnode %s: %s\nusage: radnode %s\n", p.command.name, usage.message, p.command.usage)
		return exitUsage
	case errors.Is(err, errReported):
		return exitFailure
	}
	fmt.Fprintf(p.err, "radnode %s: %v\n", p.command.name, err)
	return exitFailure
}

func help(w io.Writer, name string) int {
	for _, c := range commands() {
		if c.name == name {
			fmt.Fprintf(w, "radnode %s\n\n%s.\nFlags: radnode %s --help\n", c.usage, c.short, c.name)
			return exitSuccess
		}
	}
	if name != "" {
		fmt.Fprintf(w, "radnode: there is no command %q\n", name)
		return exitUsage
	}
	fmt.Fprint(w, "radnode receives images over DICOM, reads them with declared models, and delivers signed structured reports.\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-9s %s\n", c.name, c.short)
	}
	fmt.Fprint(w, "\n`radnode help COMMAND` shows one. Exit status: 0 success, 1 the work failed, 2 wrong usage.\n")
	return exitSuccess
}

// flags makes the flag set of the command.
func (p *program) flags() *flag.FlagSet {
	f := flag.NewFlagSet(p.command.name, flag.ContinueOnError)
	f.SetOutput(p.err)
	f.Usage = func() {
		fmt.Fprintf(p.err, "usage: radnode %s\n", p.command.usage)
		f.PrintDefaults()
	}
	return f
}

// parse reads flags wherever they stand among the arguments and returns the
// arguments that are no flags; after "--" nothing is a flag.
func parse(f *flag.FlagSet, args []string) ([]string, error) {
	var rest []string
	for {
		before := len(args)
		if err := f.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, usageError{err.Error()}
		}
		ended := before > f.NArg() && args[before-f.NArg()-1] == "--"
		args = f.Args()
		if len(args) == 0 {
			return rest, nil
		}
		if ended {
			return append(rest, args...), nil
		}
		rest = append(rest, args[0])
		args = args[1:]
	}
}

// config reads file and environment and gives the command's flags the
// node's options; the returned function yields the configuration once the
// flags are parsed.
func (p *program) config(f *flag.FlagSet, args []string) (*node.Config, error) {
	file := p.getenv("RADNODE_CONFIG")
	for i, a := range args {
		name, value, joined := strings.Cut(strings.TrimLeft(a, "-"), "=")
		if name != "config" || !strings.HasPrefix(a, "-") {
			continue
		}
		if joined {
			file = value
		} else if i+1 < len(args) {
			file = args[i+1]
		}
	}
	c, err := node.Load(file, p.getenv)
	if err != nil {
		return nil, usageError{err.Error()}
	}
	f.String("config", file, "YAML `file` with the options that `radnode config` prints")
	c.AddFlags(f)
	return &c, nil
}

// parseWithConfig parses flags and the configuration in one go.
func (p *program) parseWithConfig(f *flag.FlagSet, args []string) ([]string, *node.Config, error) {
	c, err := p.config(f, args)
	if err != nil {
		return nil, nil, err
	}
	rest, err := parse(f, args)
	if err != nil {
		return nil, nil, err
	}
	if err := errors.Join(c.Check(), c.Limits.Apply()); err != nil {
		return nil, nil, usageError{err.Error()}
	}
	return rest, c, nil
}

// line writes one JSON object on a line.
func (p *program) line(v any) error {
	return json.NewEncoder(p.out).Encode(v)
}

// say writes one line of text.
func (p *program) say(format string, args ...any) {
	fmt.Fprintf(p.out, format+"\n", args...)
}

// errorText is the message of err for machine output.
func errorText(err error) *string {
	if err == nil {
		return nil
	}
	text := err.Error()
	var coded *radnode.Error
	if errors.As(err, &coded) {
		text = coded.Message
	}
	return &text
}
