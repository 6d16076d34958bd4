package main

import (
	"bytes"
	"testing"
)

// What the example of approvals says of its policies is so.
func TestExampleOfApprovals(t *testing.T) {
	t.Parallel()
	const folder = "../../examples/approvals/"
	var out, errs bytes.Buffer
	e := &env{stdout: &out, stderr: &errs, getenv: func(string) string { return "" }}
	code := execute(t.Context(), e, []string{"policy", "test", "--config", folder + "daypass.yaml", folder + "tests.yaml"})
	if code != 0 {
		t.Errorf("exit code %d:\n%s%s", code, out.String(), errs.String())
	}
}
