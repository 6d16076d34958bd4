//go:build !failpoint

package store

// failpoints do nothing but in a build for crash tests.
type failpoints struct{}

func newFailpoints() failpoints { return failpoints{} }

func (failpoints) hit(string) {}
