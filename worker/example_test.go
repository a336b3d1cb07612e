package worker_test

import (
	"context"
	"fmt"
	"os"

	"github.com/radnode/radnode"
	"github.com/radnode/radnode/worker"
)

// A worker that ends twice on the same image costs the node nothing: the
// answer says that the image was not analysed, and why.
func ExamplePool_Analyze() {
	pool, err := worker.Start(context.Background(), worker.Config{Command: []string{os.Args[0], "fake-worker", "normal"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Close()
	for _, path := range []string{"/fake/well", "/fake/exit"} {
		all, err := pool.Analyze(context.Background(), worker.AnalyzeRequest{Path: path})
		fmt.Println(len(all), radnode.CodeOf(err), err)
	}
	// Output:
	// 1  <nil>
	// 0 unsupported analyze: not analysed: the pixel worker ended twice on this image (exit status 7)
}
