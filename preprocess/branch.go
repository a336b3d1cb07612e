package preprocess

import "fmt"

// branch is the nested list of a branch step.
type branch struct{ stages []stage }

var branchStep = Step{
	Name: "branch", Group: "output",
	Doc: "Runs steps on a copy of the image, for features and masks beside the network's input. The image after the branch is the one before it; its masks and features stay.",
	Params: []Param{
		{Name: "name", Kind: Name, Default: "features", Doc: "what the branch is for; shown with its stages"},
		{Name: "steps", Kind: Steps, Doc: "the steps of the branch"},
	},
	output: toResults,
}

func compileBranch(spec *Step, a args, in flow, path string, nested int) (stage, flow, error) {
	steps, _ := a["steps"].([]map[string]any)
	inner, end, err := compileSteps(steps, in, path+".", nested+1)
	if err != nil {
		return stage{}, in, err
	}
	if end.tensor != nil {
		return stage{}, in, fmt.Errorf("a branch makes no tensor; leave its tensor step out")
	}
	b := &branch{inner}
	a["steps"] = b
	in.masks, in.entered = end.masks, end.entered
	return stage{spec: spec, args: a, path: path, act: b.run}, in, nil
}

func (b *branch) run(r *run) error {
	before := r.cur
	if before.buf != nil {
		before.buf.hold()
	}
	if err := r.steps(b.stages); err != nil {
		return err
	}
	if r.cur.buf != nil {
		r.w.release(r.cur.buf)
	}
	r.cur = before
	return nil
}
