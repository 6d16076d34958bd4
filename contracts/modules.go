//go:build contracts_never_built

package contracts

// The contracts lie inside these modules, as files; the tests find them with
// `go list -m`. The modules are named here so that `go mod tidy` keeps their
// versions, and never built from here: one of them is thousands of files.
import (
	_ "github.com/okta/okta-sdk-golang/v5/okta"
	_ "google.golang.org/api/googleapi"
)
