package models_test

import (
	"fmt"

	"github.com/radnode/radnode/models"
)

func ExampleParse() {
	_, err := models.Parse("lung/1.0.0/manifest.yaml", []byte("schema: 1\nid: lung\nthresold: 0.5\n"))
	fmt.Println(err)
	// Output: lung/1.0.0/manifest.yaml:3: thresold: unknown key
}

func ExampleLoadAll() {
	packages, problems := models.LoadAll(models.Bundled)
	for _, p := range packages {
		fmt.Println(p.Manifest.ID, len(p.Manifest.Labels) > 0)
	}
	fmt.Println(len(problems), "problems")
	// Output:
	// chest-film-quality true
	// paediatric-pneumonia true
	// 0 problems
}
