package web

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/radnode/radnode/web/problem"
)

var pathParameter = regexp.MustCompile(`:([a-z]+)`)

type object = map[string]any

// openapi describes the API by OpenAPI 3.1, made from the list of routes and
// the Go types they take and give, so that it cannot drift from either.
func openapi(routes []route, version string) ([]byte, error) {
	schemas := object{}
	paths := map[string]object{}
	for _, r := range routes {
		if r.summary == "" {
			continue
		}
		path := strings.Replace(pathParameter.ReplaceAllString(r.path, "{$1}"), "*", "{path}", 1)
		if paths[path] == nil {
			paths[path] = object{}
		}
		paths[path][strings.ToLower(r.method)] = operation(r, schemas)
	}
	schema(reflect.TypeFor[problem.Body](), schemas)
	doc := object{
		"openapi": "3.1.0",
		"info":    object{"title": "radnode", "version": orText(version, "0")},
		"paths":   paths,
		"components": object{"schemas": schemas, "securitySchemes": object{
			"token":   object{"type": "http", "scheme": "bearer"},
			"session": object{"type": "apiKey", "in": "cookie", "name": "radnode_session", "description": "writes also send X-CSRF-Token"},
		}},
		"security": []object{{"token": []string{}}, {"session": []string{}}},
	}
	body, err := json.MarshalIndent(doc, "", " ")
	if err != nil {
		return nil, fmt.Errorf("write openapi.json: %w", err)
	}
	return body, nil
}

func orText(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

func operation(r route, schemas object) object {
	ok := object{"description": "done"}
	if r.out != nil {
		ok["content"] = jsonContent(r.out, schemas)
	}
	op := object{"summary": r.summary, "responses": object{
		"200": ok,
		"default": object{"description": "an error", "content": object{
			"application/problem+json": object{"schema": object{"$ref": "#/components/schemas/Body"}},
		}},
	}}
	var parameters []object
	for _, m := range pathParameter.FindAllStringSubmatch(r.path, -1) {
		parameters = append(parameters, object{"name": m[1], "in": "path", "required": true, "schema": object{"type": "string"}})
	}
	if strings.HasSuffix(r.path, "*") {
		parameters = append(parameters, object{"name": "path", "in": "path", "required": true, "schema": object{"type": "string"}})
	}
	if parameters != nil {
		op["parameters"] = parameters
	}
	if r.in != nil {
		op["requestBody"] = object{"required": true, "content": jsonContent(r.in, schemas)}
	}
	if r.public {
		op["security"] = []object{}
	}
	if len(r.roles) > 0 {
		op["description"] = fmt.Sprintf("Roles: %v.", r.roles)
	}
	return op
}

func jsonContent(v any, schemas object) object {
	return object{"application/json": object{"schema": schema(reflect.TypeOf(v), schemas)}}
}

// scalars maps kinds of Go values to JSON Schema types.
var scalars = map[reflect.Kind]string{
	reflect.Bool: "boolean", reflect.String: "string", reflect.Float32: "number", reflect.Float64: "number",
	reflect.Int: "integer", reflect.Int8: "integer", reflect.Int16: "integer", reflect.Int32: "integer", reflect.Int64: "integer",
	reflect.Uint8: "integer", reflect.Uint16: "integer", reflect.Uint32: "integer", reflect.Uint64: "integer",
}

// schema returns the JSON Schema of a type; structs are filed under their
// names and referred to.
func schema(t reflect.Type, schemas object) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t.Kind() == reflect.Pointer:
		return object{"anyOf": []object{schema(t.Elem(), schemas), {"type": "null"}}}
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		return object{"type": "string", "contentEncoding": "base64"}
	case t.Kind() == reflect.Slice || t.Kind() == reflect.Array:
		return object{"type": "array", "items": schema(t.Elem(), schemas)}
	case t.Kind() == reflect.Map:
		return object{"type": "object", "additionalProperties": schema(t.Elem(), schemas)}
	case t.Kind() == reflect.Interface:
		return object{}
	case t.Kind() != reflect.Struct:
		return object{"type": scalars[t.Kind()]}
	}
	if _, known := schemas[t.Name()]; !known {
		properties := object{}
		schemas[t.Name()] = object{"type": "object", "properties": properties}
		addProperties(t, properties, schemas)
	}
	return object{"$ref": "#/components/schemas/" + t.Name()}
}

func addProperties(t reflect.Type, properties, schemas object) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			addProperties(f.Type, properties, schemas)
		case name != "" && name != "-":
			properties[name] = schema(f.Type, schemas)
		}
	}
}
