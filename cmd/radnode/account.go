package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/node"
)

func user(ctx context.Context, p *program, args []string) error {
	f := p.flags()
	role := f.String("role", "", "admin, radiologist, technologist or service")
	fullName := f.String("full-name", "", "name that signs reports, as a DICOM person name, e.g. Kim^Ann^^Dr.")
	fromInput := f.Bool("password-stdin", false, "read the password from standard input; else one is made and printed")
	asJSON := f.Bool("json", false, "print JSON objects")
	rest, c, err := p.parseWithConfig(f, args)
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		return usageError{"say what to do: add, list, disable or enable"}
	}
	d, err := node.OpenDesk(ctx, *c)
	if err != nil {
		return err
	}
	defer d.Close()
	switch {
	case rest[0] == "list" && len(rest) == 1:
		return listUsers(ctx, p, d, *asJSON)
	case rest[0] == "add" && len(rest) == 2:
		return addUser(ctx, p, d, radnode.User{Name: rest[1], FullName: *fullName, Role: radnode.Role(*role)}, *fromInput)
	case (rest[0] == "disable" || rest[0] == "enable") && len(rest) == 2:
		return switchUser(ctx, d, rest[1], rest[0] == "disable")
	}
	return usageError{"wrong arguments for user " + rest[0]}
}

func listUsers(ctx context.Context, p *program, d *node.Desk, asJSON bool) error {
	users, err := d.Users(ctx)
	if err != nil {
		return err
	}
	for _, u := range users {
		if asJSON {
			if err := p.line(u); err != nil {
				return err
			}
			continue
		}
		state := ""
		if u.Disabled {
			state = " (disabled)"
		}
		p.say("%-16s %-13s %s%s", u.Name, u.Role, u.FullName, state)
	}
	return nil
}

func addUser(ctx context.Context, p *program, d *node.Desk, u radnode.User, fromInput bool) error {
	if u.Role == "" {
		return usageError{"--role is missing"}
	}
	if u.FullName == "" {
		u.FullName = u.Name
	}
	password := ""
	if fromInput {
		text, err := bufio.NewReader(io.LimitReader(p.in, 4096)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if password = strings.TrimRight(text, "\r\n"); password == "" {
			return usageError{"standard input holds no password"}
		}
	}
	made, err := d.AddUser(ctx, u, password)
	if err != nil {
		return err
	}
	if !fromInput {
		p.say("%s", made)
	}
	return nil
}

func switchUser(ctx context.Context, d *node.Desk, name string, disabled bool) error {
	users, err := d.Users(ctx)
	if err != nil {
		return err
	}
	for _, u := range users {
		if u.Name == name {
			u.Disabled = disabled
			return d.ChangeUser(ctx, u)
		}
	}
	return radnode.Errorf(radnode.NotFound, "user", "there is no account %q", name)
}

func token(ctx context.Context, p *program, args []string) error {
	f := p.flags()
	role := f.String("role", "", "admin, radiologist, technologist or service")
	name := f.String("name", "", "name of the program that will use the token")
	perMinute := f.Int("per-minute", 0, "most requests a minute; 0: no limit")
	perDay := f.Int("per-day", 0, "most requests a day; 0: no limit")
	asJSON := f.Bool("json", false, "print JSON objects")
	rest, c, err := p.parseWithConfig(f, args)
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		return usageError{"say what to do: create, list or revoke"}
	}
	d, err := node.OpenDesk(ctx, *c)
	if err != nil {
		return err
	}
	defer d.Close()
	switch {
	case rest[0] == "create" && len(rest) == 1:
		if *role == "" || *name == "" {
			return usageError{"--role and --name are needed"}
		}
		secret, err := d.CreateToken(ctx, *name, radnode.Role(*role))
		if err != nil {
			return err
		}
		if err := d.LimitToken(ctx, *name, *perMinute, *perDay); err != nil {
			return err
		}
		p.say("%s", secret)
		return nil
	case rest[0] == "revoke" && len(rest) == 2:
		return d.RevokeToken(ctx, rest[1])
	case rest[0] == "list" && len(rest) == 1:
		tokens, err := d.Tokens(ctx)
		if err != nil {
			return err
		}
		for _, t := range tokens {
			if *asJSON {
				if err := p.line(t); err != nil {
					return err
				}
			} else {
				p.say("%-24s %-13s %s", t.Name, t.Role, t.CreatedAt)
			}
		}
		return nil
	}
	return usageError{"wrong arguments for token " + rest[0]}
}
