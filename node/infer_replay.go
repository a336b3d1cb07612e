package node

import (
	"context"
	"log/slog"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/worker"
)

// Replayed is a result of the data folder, made once more.
type Replayed struct {
	Result         string           `json:"result"`
	SOPInstanceUID radnode.UID      `json:"sop_instance_uid"`
	Model          radnode.ModelRef `json:"model"`
	worker.Replay
}

// Replay analyses the image of a result again with the same version of the
// model and compares.
func Replay(ctx context.Context, c Config, result string, log *slog.Logger) (*Replayed, error) {
	d, err := OpenDesk(ctx, c)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	row, err := d.store.Result(ctx, result)
	if err != nil {
		return nil, err
	}
	if row.Error != nil {
		return nil, radnode.Errorf(radnode.Unsupported, "replay", "the result %s is an error, with nothing to compare: %s", result, *row.Error)
	}
	path, _, err := d.flow.InstancePath(ctx, row.SOPInstanceUID)
	if err != nil {
		return nil, err
	}
	out := &Replayed{Result: row.ID, SOPInstanceUID: row.SOPInstanceUID, Model: row.Model}
	return out, withPool(ctx, c, log, func(ctx context.Context, pool *worker.Pool) error {
		out.Replay, err = pool.Replay(ctx, path, row.Analysis)
		return err
	})
}
