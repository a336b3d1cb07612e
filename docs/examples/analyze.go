//go:build ignore

// Has a film (DICOM, PNG or JPEG) read by the models of a node and prints the
// findings as JSON.
//
//	RADNODE_URL=http://127.0.0.1:8080 RADNODE_TOKEN=… go run analyze.go now FILE
//	go run analyze.go later FILE          as a job, whose end is waited for
//	go run analyze.go draft FILE OUT.dcm  the unverified structured report of a DICOM file
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"time"
)

const path = "/api/v1/analyze"

type job struct {
	ID       string          `json:"id"`
	State    string          `json:"state"`
	Error    string          `json:"error"`
	Analyses json.RawMessage `json:"analyses"`
}

func main() {
	if len(os.Args) < 3 {
		log.Fatal("usage: go run analyze.go now|later|draft FILE [OUT.dcm]")
	}
	film, err := os.ReadFile(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	var answer []byte
	switch {
	case os.Args[1] == "later":
		answer, err = later(film)
	case os.Args[1] == "draft" && len(os.Args) == 4:
		if answer, err = call(http.MethodPost, path, film, "application/dicom"); err == nil {
			err = os.WriteFile(os.Args[3], answer, 0o600)
		}
		answer = nil
	default:
		answer, err = call(http.MethodPost, path, film, "application/json")
	}
	if err != nil {
		log.Fatal(err)
	}
	os.Stdout.Write(answer)
}

func call(method, path string, body []byte, accept string) ([]byte, error) {
	request, err := http.NewRequest(method, os.Getenv("RADNODE_URL")+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+os.Getenv("RADNODE_TOKEN"))
	request.Header.Set("Accept", accept)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode >= 300 {
		err = fmt.Errorf("%s: %s", answer.Status, text)
	}
	return text, err
}

// later hands a job in and waits for its end. It outlives this program and the
// node: its ID is all that must be kept.
func later(film []byte) ([]byte, error) {
	text, err := call(http.MethodPost, path+"/jobs", film, "application/json")
	for {
		var j job
		if err == nil {
			err = json.Unmarshal(text, &j)
		}
		switch {
		case err != nil:
			return nil, err
		case j.State == "failed":
			return nil, errors.New(j.Error)
		case j.State == "done":
			if _, err := call(http.MethodDelete, path+"/jobs/"+j.ID, nil, "application/json"); err != nil {
				return nil, err
			}
			return json.Marshal(map[string]json.RawMessage{"analyses": j.Analyses})
		}
		time.Sleep(300 * time.Millisecond)
		text, err = call(http.MethodGet, path+"/jobs/"+j.ID, nil, "application/json")
	}
}
