package preprocess_test

import (
	"context"
	"fmt"

	"github.com/radnode/radnode/preprocess"
)

func Example() {
	pipeline, err := preprocess.Compile([]map[string]any{
		{"step": "grey"},
		{"step": "resize", "rows": 2, "columns": 2, "interpolation": "area"},
		{"step": "normalise", "mode": "unit"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pipeline.Close()
	img := preprocess.Image{Rows: 4, Columns: 4, Channels: 1, Pix8: []byte{
		0, 0, 255, 255,
		0, 0, 255, 255,
		51, 51, 102, 102,
		51, 51, 102, 102,
	}}
	tensor := make([]float32, 4)
	result, err := pipeline.Run(context.Background(), img, tensor, preprocess.RunOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(tensor, result.Geometry.Width, result.Geometry.Height)
	// Output: [0 1 0.2 0.4] 4 4
}

func ExampleCompile_refused() {
	_, err := preprocess.Compile([]map[string]any{{"step": "grey"}, {"step": "clahe", "clip": 1000}})
	fmt.Println(err)
	// Output: compile pipeline: step 2 (clahe): parameter "clip" is 1000: give a number from 0.1 to 100
}

func ExamplePipeline_Diagram() {
	pipeline, err := preprocess.Compile([]map[string]any{
		{"step": "grey"},
		{"step": "threshold", "mode": "fixed", "value": 90, "as": "bright"},
		{"step": "branch", "name": "texture", "steps": []map[string]any{{"step": "equalise"}}},
		{"step": "flip"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pipeline.Close()
	fmt.Print(pipeline.Diagram())
	// Output:
	// image
	//   |
	//   +-- 1 grey
	//   |
	//   +-- 2 threshold mode=fixed value=90  -> mask bright
	//   |
	//   +-- 3 branch texture
	//   |    |
	//   |    +-- 3.1 equalise
	//   |
	//   +-- 4 flip
	//   |
	// tensor 1 x any x any
}
