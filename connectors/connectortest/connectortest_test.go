package connectortest

import (
	"slices"
	"testing"

	"github.com/daypass-dev/daypass/engine"
)

// That each clause catches a liar is shown in connectors/memory/liars_test.go.

func TestClausesAskForKnownFeatures(t *testing.T) {
	t.Parallel()
	all := All()
	seen := map[string]bool{}
	for _, test := range tests() {
		if missing := lacking(all, test.needs); len(missing) > 0 {
			t.Errorf("%s: got needs %q that no world can have, want none", test.name, missing)
		}
		if seen[test.name] {
			t.Errorf("%s: got it twice, want it once", test.name)
		}
		seen[test.name] = true
	}
	if slices.Sort(all); len(slices.Compact(all)) != len(All()) {
		t.Errorf("features: got one twice in %q, want each once", all)
	}
}

func TestLackingNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	got := lacking([]Feature{Crowd, Put}, []Feature{Nest, Put, Fail})
	if want := []Feature{Nest, Fail}; !slices.Equal(got, want) {
		t.Errorf("lacking: got %q, want %q", got, want)
	}
	if got := lacking([]Feature{Crowd}, nil); len(got) > 0 {
		t.Errorf("lacking without needs: got %q, want none", got)
	}
}

func TestBesidesCountsTwiceAsTooMany(t *testing.T) {
	t.Parallel()
	got := besides([]engine.MemberID{"a", "b", "b", "c"}, []engine.MemberID{"a", "b"})
	if want := []engine.MemberID{"b", "c"}; !slices.Equal(got, want) {
		t.Errorf("besides: got %q, want %q", got, want)
	}
}
