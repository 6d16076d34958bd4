package config

import _ "embed"

// Schema is the JSON Schema of the configuration file (draft 2020-12), made
// from the types of this package. Editors complete and check with it:
//
//	# yaml-language-server: $schema=daypass.schema.json
//
//go:generate go test -run TestSchemaIsFresh -update .
//go:embed daypass.schema.json
var Schema []byte
