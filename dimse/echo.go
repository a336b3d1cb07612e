package dimse

import "context"

// Echoer is told of each C-ECHO; an error becomes its status.
type Echoer interface {
	Echo(ctx context.Context, a *Association) error
}

// unrecognized answers requests that are not in the table.
func (x *session) unrecognized(_ context.Context, r *request) error {
	return x.refuse(r, StatusUnrecognizedOperation)
}

// refuse answers a request that is not performed.
func (x *session) refuse(r *request, status Status) error {
	if err := x.finish(r); err != nil {
		return err
	}
	rsp := r.response()
	x.failed(r, &StatusError{Status: status}, normalizedService).apply(rsp)
	return x.respond(r, rsp)
}

// echo answers C-ECHO (PS3.7 9.1.5, PS3.4 Annex A).
func (x *session) echo(ctx context.Context, r *request) error {
	if err := x.finish(r); err != nil {
		return err
	}
	var err error
	if x.server.cfg.Echo != nil {
		err = x.guard(r, func() error { return x.server.cfg.Echo.Echo(ctx, r.Association) })
	}
	rsp := r.response()
	x.failed(r, err, normalizedService).apply(rsp)
	return x.respond(r, rsp)
}
