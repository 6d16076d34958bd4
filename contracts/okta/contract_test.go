package okta_test

import (
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

func TestContract(t *testing.T) {
	_ = openapi3.NewLoader()
}
