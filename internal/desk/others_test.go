package desk_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
)

// logged gives the bench a desk whose log is read.
func (b *bench) logged() *bytes.Buffer {
	log := new(bytes.Buffer)
	conf := b.room.Config()
	conf.Log = slog.New(slog.NewTextHandler(log, nil))
	b.desk = desk.New(conf)
	b.desk.Use(b.rules)
	return log
}

// Whoever asks for somebody else does not learn from the answer what those hold:
// it is the same, and the approver is told. Nobody gets both.
func TestAskingForOthersTellsNothing(t *testing.T) {
	b := set(t)
	log := b.logged()
	b.rules.Resources[2].Policy.NotWith = []string{"secret"}
	b.corp.Put(b.groups["secret"], b.ids["eve"])
	var ids []string
	for _, whom := range []string{"eve", "root"} {
		r, err := b.desk.Ask(t.Context(), as("ada"), desk.Wish{Resource: "staging", Person: mail(whom)})
		if err != nil || r.Status != access.Asked {
			t.Fatalf("for %s: %v, %s", whom, err, r.Status)
		}
		ids = append(ids, r.ID)
	}
	for name, n := range map[string]int{"bob": 1, "dan": 1, "ada": 0} {
		if x := b.look(name, ids[0]); len(x.Conflicts) != n || x.Unsure {
			t.Errorf("%s sees the conflicts %+v, want %d", name, x.Conflicts, n)
		}
		if x := b.look(name, ids[1]); len(x.Conflicts) > 0 || x.Unsure {
			t.Errorf("%s sees conflicts where there are none: %+v", name, x.Conflicts)
		}
	}
	if _, err := b.desk.Decide(t.Context(), as("bob"), ids[0], desk.Word{Approve: true}); access.KindOf(err) != access.Conflict || !strings.Contains(err.Error(), "secret") {
		t.Errorf("bob approves for eve: %v", err)
	}
	if r, err := b.desk.Decide(t.Context(), as("bob"), ids[1], desk.Word{Approve: true}); err != nil || r.Grant == nil {
		t.Errorf("bob approves for root: %v", err)
	}
	if _, err := b.desk.Ask(t.Context(), as("eve"), desk.Wish{Resource: "staging"}); err == nil {
		t.Error("eve asks for herself, beside what she holds")
	}
	if strings.Contains(log.String(), "refused") {
		t.Errorf("what was taken is in the log as refused: %s", log)
	}
}

// What is given at once is refused at once; whoever tries it out is in the log.
func TestRefusedWishesForOthersAreLogged(t *testing.T) {
	b := set(t)
	log := b.logged()
	b.rules.Resources[0].Policy.NotWith = []string{"secret"}
	b.corp.Put(b.groups["secret"], b.ids["eve"])
	for _, w := range []struct {
		whom, why string
		kind      access.Kind
	}{{"eve", "in a group of secret", access.Conflict}, {"nobody", "no account", access.Invalid}} {
		log.Reset()
		_, err := b.desk.Ask(t.Context(), as("ada"), desk.Wish{Resource: "free", Person: mail(w.whom)})
		if access.KindOf(err) != w.kind || strings.Contains(err.Error(), "secret") {
			t.Errorf("for %s ada hears: %v", w.whom, err)
		}
		for _, part := range []string{"level=INFO", "by=ada@example.org", "person=" + w.whom + "@example.org", "resource=free", w.why} {
			if !strings.Contains(log.String(), part) {
				t.Errorf("for %s the log lacks %q: %s", w.whom, part, log)
			}
		}
	}
	log.Reset()
	if _, err := b.desk.Ask(t.Context(), as("eve"), desk.Wish{Resource: "free"}); access.KindOf(err) != access.Conflict || log.Len() > 0 {
		t.Errorf("for herself eve hears %v, and the log says: %s", err, log)
	}
}

// Nor does an extension that needs no approval tell of them.
func TestExtendingForOthersTellsNothing(t *testing.T) {
	b := set(t)
	log := b.logged()
	p := b.rules.Resources[0].Policy
	p.NotWith, p.Extend = []string{"secret"}, &access.Extend{Times: 1, Max: time.Hour, Auto: "yes"}
	r := b.ask("ada", desk.Wish{Resource: "free", Person: mail("eve")})
	b.rules.Grants = func() []engine.Grant {
		g := engine.Grant{ID: "g", Person: mail("eve"), Group: in("secret"), Resource: "secret"}
		g.When.Until = b.clock().Add(time.Hour)
		return []engine.Grant{g}
	}
	b.desk.Use(b.rules)
	_, err := b.desk.Extend(t.Context(), as("ada"), r.ID, time.Hour, "", 0)
	if access.KindOf(err) != access.Conflict || strings.Contains(err.Error(), "secret") || !strings.Contains(log.String(), "holds secret") {
		t.Errorf("ada hears %v, and the log says: %s", err, log)
	}
	if _, err := b.desk.Extend(t.Context(), as("eve"), r.ID, time.Hour, "", 0); access.KindOf(err) != access.Conflict || !strings.Contains(err.Error(), "holds secret") {
		t.Errorf("eve hears %v", err)
	}
}
