package api

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestDocsNameEveryProblem holds the table in docs/api.md to the code.
func TestDocsNameEveryProblem(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range kinds() {
		if row := fmt.Sprintf("| `urn:daypass:%s` | %d |", k.kind, k.status); !strings.Contains(string(text), row) {
			t.Errorf("docs/api.md has no row %s", row)
		}
	}
	if n := strings.Count(string(text), "| `urn:daypass:"); n != len(kinds()) {
		t.Errorf("docs/api.md has %d rows of problems, want %d", n, len(kinds()))
	}
}
