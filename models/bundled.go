package models

import "embed"

// Bundled holds the model packages that come with the product.
//
//go:embed chest-film-quality paediatric-pneumonia
var Bundled embed.FS
