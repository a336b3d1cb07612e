package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"strings"

	"github.com/radnode/radnode/node"
)

// selectionFlags are the flags of commands that select at a peer.
func selectionFlags(f *flag.FlagSet, level string) *node.Selection {
	s := &node.Selection{}
	f.StringVar(&s.Level, "level", level, "patient, study, series or image")
	f.Func("k", "key `ATTRIBUTE[=VALUE]`, by keyword or as gggg,eeee; SEQUENCE.ATTRIBUTE inside a sequence; may be repeated", func(text string) error {
		s.Keys = append(s.Keys, text)
		return nil
	})
	f.BoolVar(&s.PatientRoot, "patient-root", false, "use the patient root information model instead of study root")
	f.BoolVar(&s.Relational, "relational", false, "propose relational queries and retrieval")
	return s
}

func find(ctx context.Context, p *program, args []string) error {
	f := p.flags()
	to := callFlags(f)
	selection := selectionFlags(f, "study")
	f.BoolVar(&selection.DateTime, "date-time", false, "propose combined matching of dates and times")
	f.BoolVar(&selection.Fuzzy, "fuzzy", false, "propose fuzzy matching of person names")
	most := f.Int("limit", 0, "cancel after so many matches; 0: take all")
	target, _, err := to.parse(f, args, 1, 1, "name one peer as CALLED@HOST:PORT")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, *to.timeout)
	defer cancel()
	matches := 0
	end, err := target.Find(ctx, *selection, *most, func(match []node.Field) error {
		matches++
		if *to.asJSON {
			return p.matchLine(match)
		}
		if matches > 1 {
			p.say("")
		}
		for _, field := range match {
			p.say("%-32s %s", field.Name, strings.Join(field.Values, `\`))
		}
		return nil
	})
	if err != nil {
		return usageOr(err)
	}
	if !*to.asJSON {
		p.note("%d matches, status %s %s %s", matches, end.Status, end.Meaning, end.Comment)
	}
	return nil
}

// matchLine writes a match as one JSON object whose members keep their order:
// one value as text, several as a list.
func (p *program) matchLine(match []node.Field) error {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, field := range match {
		var value any = strings.Join(field.Values, "")
		if len(field.Values) > 1 {
			value = field.Values
		}
		text, err := json.Marshal(value)
		if err != nil {
			return err
		}
		name, err := json.Marshal(field.Name)
		if err != nil {
			return err
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(text)
	}
	b.WriteString("}\n")
	_, err := p.out.Write(b.Bytes())
	return err
}
