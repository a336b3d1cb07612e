// Command story serves the front end against a node in memory, to look at
// every page with fixed synthetic studies: go run ./web/webtest/story
package main

import (
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/radnode/radnode/web"
	"github.com/radnode/radnode/web/webtest"
)

func main() {
	addr := flag.String("http", "127.0.0.1:8090", "address")
	arrive := flag.Duration("arrive", 0, "let a study come in so often")
	second := flag.Bool("second", false, "ask for two signatures")
	tale := flag.String("tale", "", "bare: a node on its first day; hostile: every text is an attack")
	flag.Parse()
	if err := run(*addr, *arrive, *second, *tale); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(addr string, arrive time.Duration, second bool, tale string) error {
	dir, err := os.MkdirTemp("", "story-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary folder of a demonstration
	story, err := webtest.New(dir)
	if err != nil {
		return err
	}
	story.SecondReader = second
	switch tale {
	case "bare":
		story.Bare()
	case "hostile":
		story.Spoil()
	}
	cfg := story.Config()
	cfg.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	server, err := web.New(cfg)
	if err != nil {
		return err
	}
	if arrive > 0 {
		go tell(story, arrive)
	}
	fmt.Printf("http://%s  kim / %s\n", addr, webtest.Password)
	return (&http.Server{Addr: addr, Handler: server, ReadHeaderTimeout: 10 * time.Second}).ListenAndServe()
}

// tell lets studies come in for as long as the program runs.
func tell(story *webtest.Story, every time.Duration) {
	for range time.Tick(every) {
		advance, err := story.Arrive()
		if err != nil {
			slog.Error("arrive", "error", err)
			return
		}
		for range 2 {
			time.Sleep(every / 4)
			if err := advance(); err != nil {
				slog.Error("advance", "error", err)
			}
		}
	}
}
