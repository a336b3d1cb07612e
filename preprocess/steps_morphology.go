package preprocess

import (
	"image"

	"gocv.io/x/gocv"
)

var morphOps = map[string]gocv.MorphType{
	"erode": gocv.MorphErode, "dilate": gocv.MorphDilate, "open": gocv.MorphOpen, "close": gocv.MorphClose,
	"gradient": gocv.MorphGradient, "tophat": gocv.MorphTophat, "blackhat": gocv.MorphBlackhat,
}

var morphShapes = map[string]gocv.MorphShape{
	"rectangle": gocv.MorphRect, "cross": gocv.MorphCross, "ellipse": gocv.MorphEllipse,
}

var morphologySteps = []Step{
	{
		Name: "morphology", Group: "morphology",
		Doc: "Morphology of a grey image or a mask. The border counts as neutral.",
		Params: []Param{
			{Name: "op", Kind: Choice, Default: "open", Choices: []string{"erode", "dilate", "open", "close", "gradient", "tophat", "blackhat"}, Doc: "operation"},
			{Name: "shape", Kind: Choice, Default: "ellipse", Choices: []string{"rectangle", "cross", "ellipse"}, Doc: "shape of the kernel"},
			{Name: "rows", Kind: Integer, Default: 5, Min: 1, Max: 255, Unit: "pixels", Doc: "rows of the kernel"},
			{Name: "columns", Kind: Integer, Default: 5, Min: 1, Max: 255, Unit: "pixels", Doc: "columns of the kernel"},
			{Name: "iterations", Kind: Integer, Default: 1, Min: 1, Max: 50, Doc: "how often"},
		},
		output: toEither,
		flow:   stay,
		build: func(a args) (action, error) {
			return func(r *run) error { return morphImage(r, a) }, nil
		},
	},
}

func morphImage(r *run, a args) error {
	b, err := r.pixels()
	if err != nil {
		return err
	}
	if a.text("shape") != "rectangle" {
		passes := 2.
		if op := a.text("op"); op == "erode" || op == "dilate" {
			passes = 1
		}
		taps := float64(a.int("rows") * a.int("columns") * a.int("iterations"))
		if matDepth(b.kind) == gocv.MatTypeCV32F {
			passes *= 4
		}
		if err := afford(b, morphologyTap*taps*passes, "take a smaller kernel, fewer iterations or shape rectangle"); err != nil {
			return err
		}
	}
	out, err := r.like(b, b.kind)
	if err != nil {
		return err
	}
	kernel := gocv.GetStructuringElement(morphShapes[a.text("shape")], image.Pt(a.int("columns"), a.int("rows")))
	defer kernel.Close()
	gocv.MorphologyExWithParams(b.mat, &out.mat, morphOps[a.text("op")], kernel, a.int("iterations"), gocv.BorderConstant)
	r.replace(out, r.cur.depth)
	return nil
}
