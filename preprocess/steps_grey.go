package preprocess

import (
	"errors"

	"gocv.io/x/gocv"
)

var (
	errGrey  = errors.New("needs a grey image, but this one has 3 channels: put a grey step before")
	errByte8 = errors.New("needs values 0..255 in 8 bits, but a step before made floats: move this step before it, or put a rescale step with depth 8bit between")
	errColor = errors.New("needs a colour image, but this one is grey")
)

// stay is the flow of a step that changes values only.
func stay(_ args, in flow) (flow, error) { return in, nil }

// needGrey is the flow of a step for one channel of any depth.
func needGrey(_ args, in flow) (flow, error) {
	if in.channels == 3 {
		return in, errGrey
	}
	in.channels = 1
	return in, nil
}

// needGrey8 is the flow of a step for one channel of 8 bits.
func needGrey8(a args, in flow) (flow, error) {
	if in.depth == float {
		return in, errByte8
	}
	in, err := needGrey(a, in)
	in.depth = byte8
	return in, err
}

// needByte8 is the flow of a step for 8 bits in any channels.
func needByte8(_ args, in flow) (flow, error) {
	if in.depth == float {
		return in, errByte8
	}
	in.depth = byte8
	return in, nil
}

// grey returns the image if it has one channel.
func (r *run) grey() (*buffer, error) {
	b, err := r.pixels()
	if err == nil && matChannels(b.kind) != 1 {
		return nil, errGrey
	}
	return b, err
}

// grey8 returns the image if it has one channel, in 8 bits.
func (r *run) grey8() (*buffer, error) {
	b, err := r.pixels8()
	if err == nil && matChannels(b.kind) != 1 {
		return nil, errGrey
	}
	return b, err
}

// greyWeights are the weights of R, G and B.
var greyWeights = map[string][3]float32{
	"rec601":  {0.299, 0.587, 0.114}, // as OpenCV's RGB2GRAY, JPEG and PS3.3 C.7.6.3.1.2
	"rec709":  {0.2126, 0.7152, 0.0722},
	"average": {1. / 3, 1. / 3, 1. / 3},
	"red":     {1, 0, 0},
	"green":   {0, 1, 0},
	"blue":    {0, 0, 1},
}

var greySteps = []Step{
	{
		Name: "grey", Group: "grey",
		Doc: "Makes a colour image grey by named weights; a grey image stays as it is.",
		Params: []Param{
			{Name: "weights", Kind: Choice, Default: "rec601", Choices: []string{"rec601", "rec709", "average", "red", "green", "blue"}, Doc: "weights of red, green and blue"},
		},
		flow: func(_ args, in flow) (flow, error) {
			in.channels = 1
			return in, nil
		},
		build: func(a args) (action, error) {
			weights := a.text("weights")
			return func(r *run) error { return greyImage(r, weights) }, nil
		},
	},
	{
		Name: "channels", Group: "grey",
		Doc: "Makes a grey image a colour image of three equal channels; a colour image stays as it is.",
		flow: func(_ args, in flow) (flow, error) {
			in.channels = 3
			return in, nil
		},
		build: func(args) (action, error) { return repeatChannels, nil },
	},
	windowStep,
	windowsStep,
}

func greyImage(r *run, weights string) error {
	b, err := r.pixels()
	if err != nil || matChannels(b.kind) == 1 {
		return err
	}
	out, err := r.like(b, matDepth(b.kind))
	if err != nil {
		return err
	}
	if weights == "rec601" {
		gocv.CvtColor(b.mat, &out.mat, gocv.ColorRGBToGray)
	} else {
		w := gocv.NewMatWithSize(1, 3, gocv.MatTypeCV32F)
		defer w.Close()
		for i, v := range greyWeights[weights] {
			w.SetFloatAt(0, i, v)
		}
		gocv.Transform(b.mat, &out.mat, w)
	}
	r.replace(out, r.cur.depth)
	return nil
}

func repeatChannels(r *run) error {
	b, err := r.pixels()
	if err != nil || matChannels(b.kind) == 3 {
		return err
	}
	out, err := r.like(b, matType(matDepth(b.kind), 3))
	if err != nil {
		return err
	}
	gocv.CvtColor(b.mat, &out.mat, gocv.ColorGrayToBGR)
	r.replace(out, r.cur.depth)
	return nil
}
