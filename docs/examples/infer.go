//go:build ignore

// Runs a model on images over the Open Inference Protocol.
//
//	RADNODE_URL=http://127.0.0.1:8080 RADNODE_TOKEN=… go run infer.go MODEL TENSOR
//
// TENSOR holds one or more images as little-endian float32. It is sent as it
// is (a raw binary request); the server finds the number of images.
package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math"
	"net/http"
	"os"
	"strconv"
)

const headerLength = "Inference-Header-Content-Length"

type response struct {
	Model   string `json:"model_name"`
	Version string `json:"model_version"`
	Outputs []struct {
		Name       string  `json:"name"`
		Shape      []int64 `json:"shape"`
		Parameters struct {
			Size int `json:"binary_data_size"`
		} `json:"parameters"`
	} `json:"outputs"`
}

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: go run infer.go MODEL TENSOR")
	}
	if err := infer(os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func infer(model, path string) error {
	tensor, err := os.Open(path)
	if err != nil {
		return err
	}
	defer tensor.Close()
	info, err := tensor.Stat()
	if err != nil {
		return err
	}
	request, err := http.NewRequest(http.MethodPost, os.Getenv("RADNODE_URL")+"/v2/models/"+model+"/infer", tensor)
	if err != nil {
		return err
	}
	request.ContentLength = info.Size()
	request.Header.Set("Authorization", "Bearer "+os.Getenv("RADNODE_TOKEN"))
	request.Header.Set(headerLength, "0")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", answer.Status, body)
	}
	return print(answer.Header.Get(headerLength), body)
}

func print(header string, body []byte) error {
	at, err := strconv.Atoi(header)
	if err != nil || at > len(body) {
		return fmt.Errorf("the answer has no %s within its body", headerLength)
	}
	var r response
	if err := json.Unmarshal(body[:at], &r); err != nil {
		return err
	}
	for _, out := range r.Outputs {
		if out.Parameters.Size > len(body)-at {
			return fmt.Errorf("the answer ends in the middle of %s", out.Name)
		}
		values := make([]float32, out.Parameters.Size/4)
		for i := range values {
			values[i] = math.Float32frombits(binary.LittleEndian.Uint32(body[at+4*i:]))
		}
		at += out.Parameters.Size
		if out.Name == "probabilities" {
			return json.NewEncoder(os.Stdout).Encode(map[string]any{"model": r.Model, "version": r.Version, out.Name: values})
		}
	}
	return fmt.Errorf("the model %s has no output probabilities", r.Model)
}
