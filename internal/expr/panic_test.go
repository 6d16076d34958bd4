package expr

import (
	"context"
	"strings"
	"testing"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types/ref"

	"github.com/daypass-dev/daypass/internal/access"
)

// broken is a program that panics, as one of a library with a fault would.
type broken struct{ cel.Program }

func (broken) ContextEval(context.Context, any) (ref.Val, *cel.EvalDetails, error) {
	panic("a fault")
}

func TestAPanicIsADoubt(t *testing.T) {
	t.Parallel()
	r, err := New()
	if err != nil {
		t.Fatal(err)
	}
	r.known.get("true", func() *compiled { return &compiled{program: broken{}} })
	a := r.Judge("true", access.Case{Facts: &access.Facts{}})
	if a.Yes || a.Err == nil || !strings.Contains(a.Err.Error(), "a fault") {
		t.Errorf("got %+v", a)
	}
}

func TestWhatIsKeptIsBounded(t *testing.T) {
	t.Parallel()
	c := newCache[int](3)
	made := 0
	get := func(key string) int { return c.get(key, func() int { made++; return made }) }
	if get("a") != 1 || get("b") != 2 || get("a") != 1 || made != 2 {
		t.Errorf("made %d, want each once", made)
	}
	for _, key := range strings.Split("c d e f g h i", " ") {
		get(key)
		if len(c.m) > 3 {
			t.Fatalf("%d are kept", len(c.m))
		}
	}
}
