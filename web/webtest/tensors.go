package webtest

import (
	"context"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/web/infer"
)

// tensors is a node of the story without models that take tensors.
type tensors struct{}

// Served implements infer.Models.
func (tensors) Served(context.Context, bool) ([]infer.Model, error) { return nil, nil }

// Infer implements infer.Models.
func (tensors) Infer(context.Context, infer.Request) (*infer.Result, error) {
	return nil, radnode.Errorf(radnode.NotFound, "story", "the story runs no models")
}

// Reload implements infer.Models.
func (tensors) Reload(context.Context) ([]infer.Model, error) { return nil, nil }
