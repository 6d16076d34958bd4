package desk

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// TestAGroupThatComesToDecideIsSaidToBeMissing: also where it was known before that it
// is not there, when that was no matter; and not again while it decides.
func TestAGroupThatComesToDecideIsSaidToBeMissing(t *testing.T) {
	var out bytes.Buffer
	d := New(Config{Now: time.Now, Log: slog.New(slog.NewTextHandler(&out, nil))})
	g := engine.GroupRef{Directory: "corp", Name: "g"}
	rules := func(deciding map[engine.GroupRef][]string) *Rules {
		return &Rules{
			Directories: map[engine.Directory]engine.Connector{"corp": memory.New("corp")}, Deciding: deciding,
			Resources: []Resource{{Resource: access.Resource{Name: "r", Groups: []engine.GroupRef{g}}}},
		}
	}
	decides := map[engine.GroupRef][]string{g: {"policies.p"}}
	for i, x := range []struct {
		deciding map[engine.GroupRef][]string
		said     int // in all
	}{{nil, 0}, {decides, 1}, {decides, 1}, {nil, 1}, {decides, 2}} {
		d.Use(rules(x.deciding))
		if _, err := d.people.group(t.Context(), g); len(access.Gone(err)) == 0 {
			t.Fatal(err)
		}
		if n := strings.Count(out.String(), "a group that decides is not there"); n != x.said {
			t.Errorf("after rules %d it is said %d times, want %d", i, n, x.said)
		}
	}
}
