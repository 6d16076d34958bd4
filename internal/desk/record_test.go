package desk_test

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
)

// damage changes what is on record behind everybody's back.
func (b *bench) damage(statement string, args ...any) {
	b.t.Helper()
	db, err := sql.Open("sqlite", b.store.Path())
	if err != nil {
		b.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(b.t.Context(), statement, args...); err != nil {
		b.t.Fatal(err)
	}
}

// A request that cannot be read is told of, by its id, wherever it would be seen,
// and holds up no other.
func TestUnreadableHoldsUpNobody(t *testing.T) {
	b := set(t)
	bad, good := b.ask("ada", desk.Wish{Resource: "staging"}), b.ask("eve", desk.Wish{Resource: "staging"})
	glass := b.ask("eve", desk.Wish{Resource: "free", BreakGlass: true, Reason: "it burns"})
	b.damage("UPDATE requests SET body = '{' WHERE id IN (?, ?)", bad.ID, glass.ID)
	in, err := b.desk.Inbox(t.Context(), as("bob"))
	if err != nil || len(in.Waiting) != 1 || in.Waiting[0].ID != good.ID || in.Doubt != nil {
		t.Errorf("inbox: %d wait, %v, doubt %v; want eve's", len(in.Waiting), err, in.Doubt)
	}
	if in, err := b.desk.Inbox(t.Context(), as("dan")); err != nil || !errors.Is(in.Doubt, desk.ErrUnreadable) || !strings.Contains(in.Doubt.Error(), bad.ID) || !strings.Contains(in.Doubt.Error(), glass.ID) {
		t.Errorf("inbox of an auditor: %v, doubt %v; want both named", err, in.Doubt)
	}
	views, _, err := b.desk.Requests(t.Context(), as("root"), access.Query{})
	if len(views) != 1 || views[0].ID != good.ID || !errors.Is(err, desk.ErrUnreadable) || !strings.Contains(err.Error(), bad.ID) {
		t.Errorf("requests: %d, %v; want eve's, and to be told of the other", len(views), err)
	}
	if w, err := b.desk.Waits(t.Context()); err != nil || w != (desk.Waits{Undecided: 2, Reviews: 1, Overdue: 1}) {
		t.Errorf("waits: %+v, %v", w, err)
	}
	b.pass(8 * 24 * time.Hour)
	later := b.ask("dan", desk.Wish{Resource: "staging"})
	if next, err := b.desk.Tick(t.Context()); !errors.Is(err, desk.ErrUnreadable) || !strings.Contains(err.Error(), bad.ID) || !next.Equal(later.Due()) {
		t.Errorf("tick: %s, %v; want to be told of %s, and to wake at %s", next, err, bad.ID, later.Due())
	}
	b.pass(-8 * 24 * time.Hour) // what is on record is shown, not what time did to it
	if x, err := b.desk.Request(t.Context(), as("eve"), good.ID); err != nil || x.Status != access.Lapsed {
		t.Errorf("eve's is %s, %v; want it to have lapsed", x.Status, err)
	}
	// What cannot be read is no access that is not there.
	if _, err := b.desk.Ask(t.Context(), as("eve"), desk.Wish{Resource: "free", BreakGlass: true, Reason: "it burns"}); err == nil {
		t.Error("a second emergency was given beside one that cannot be read")
	}
}

// looks counts how often somebody looks for what is due.
type looks struct {
	desk.Store
	n atomic.Int64
}

func (l *looks) DueRequests(ctx context.Context, now time.Time, limit int) ([]access.Request, error) {
	l.n.Add(1)
	return l.Store.DueRequests(ctx, now, limit)
}

// Of a request that cannot be read the log is told once, however often what is
// due is looked for; of the next one it is told, too.
func TestUnreadableIsLoggedOnce(t *testing.T) {
	b := set(t)
	conf, log := b.room.Config(), b.room.Log
	rows := &looks{Store: conf.Store}
	conf.Store = rows
	b.desk = desk.New(conf)
	b.desk.Use(b.rules)
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	defer wait.Wait()
	defer cancel()
	look := func(name string) { // what is asked for wakes it
		t.Helper()
		before, end := rows.n.Load(), time.Now().Add(4*time.Second)
		b.ask(name, desk.Wish{Resource: "free"})
		for rows.n.Load() == before {
			if time.Now().After(end) {
				t.Fatal("it does not look")
			}
			time.Sleep(time.Millisecond)
		}
	}
	bad, next := b.ask("ada", desk.Wish{Resource: "staging"}), b.ask("eve", desk.Wish{Resource: "staging"})
	b.damage("UPDATE requests SET body = '{' WHERE id = ?", bad.ID)
	b.pass(8 * 24 * time.Hour)
	wait.Go(func() { b.desk.Run(ctx) })
	for _, name := range []string{"bob", "carol", "root"} {
		look(name)
	}
	b.damage("UPDATE requests SET body = '{', due = 1 WHERE id = ?", next.ID)
	look("dan")
	look("ada") // by then it is logged what the look before found
	if n := times(log, "cannot be read, and"); n != 2 || times(log, "request "+bad.ID+":") != 2 || times(log, "request "+next.ID+":") != 1 {
		t.Errorf("the log is told %d times:\n%s", n, log)
	}
}

// Whoever decided on a request, or ended somebody's access, finds it again and
// sees it, whatever they are now. Others find of theirs what they may see.
func TestDecidedBy(t *testing.T) {
	b := set(t)
	approved, denied, ended := b.ask("ada", desk.Wish{Resource: "staging"}), b.ask("eve", desk.Wish{Resource: "staging"}), b.ask("ada", desk.Wish{Resource: "free"})
	reviewed := b.ask("eve", desk.Wish{Resource: "free", BreakGlass: true, Reason: "it burns"})
	given := b.ask("eve", desk.Wish{Resource: "secret"})
	for _, err := range []error{
		second(b.desk.Decide(t.Context(), as("bob"), approved.ID, desk.Word{Approve: true})),
		second(b.desk.Decide(t.Context(), as("bob"), denied.ID, desk.Word{Comment: "no"})),
		second(b.desk.Review(t.Context(), as("bob"), reviewed.ID, true, "it did", 0)),
		second(b.desk.End(t.Context(), as("carol"), ended.ID, "enough", 0)),
		second(b.desk.End(t.Context(), as("eve"), given.ID, "", 0)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	b.alias("bob", "rob")
	for i := range b.rules.Resources {
		b.rules.Resources[i].Owners = who("dan")
	}
	b.corp.AddPerson(mail("rob"), "rob")
	for _, test := range []struct {
		caller, decided string
		want            []string
	}{
		{"rob", "rob", []string{approved.ID, denied.ID, reviewed.ID}},
		{"carol", "carol", []string{ended.ID}},
		{"eve", "eve", nil},
		{"ada", "rob", []string{approved.ID}},
		{"root", "rob", []string{approved.ID, denied.ID, reviewed.ID}},
	} {
		views, _, err := b.desk.Requests(t.Context(), as(test.caller), access.Query{Decided: mail(test.decided)})
		var got []string
		for _, v := range views {
			got = append(got, v.ID)
			if _, err := b.desk.Request(t.Context(), as(test.caller), v.ID); err != nil {
				t.Errorf("%s sees it in the list, and not alone: %v", test.caller, err)
			}
		}
		slices.Sort(got)
		slices.Sort(test.want)
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s finds %v of what %s decided, %v; want %v", test.caller, got, test.decided, err, test.want)
		}
	}
}

func second(_ access.Request, err error) error { return err }

// Whose own request cannot be read sees the rest of what they have, and which is
// missing.
func TestUnreadableTakesNothingElseFromWhoAsked(t *testing.T) {
	b := set(t)
	bad, good := b.ask("ada", desk.Wish{Resource: "staging"}), b.ask("ada", desk.Wish{Resource: "free"})
	b.damage("UPDATE requests SET body = '{' WHERE id = ?", bad.ID)
	views, _, err := b.desk.Mine(t.Context(), as("ada"))
	if len(views) != 1 || views[0].ID != good.ID || !errors.Is(err, desk.ErrUnreadable) || strings.Count(err.Error(), bad.ID) != 1 {
		t.Errorf("mine: %d, %v; want what is free, and to be told of %s", len(views), err, bad.ID)
	}
	for name, told := range map[string]bool{"staging": true, "free": false} {
		o, err := b.desk.Resource(t.Context(), as("ada"), name)
		if err != nil || !o.May.Yes || errors.Is(o.Doubt, desk.ErrUnreadable) != told || told && !strings.Contains(o.Doubt.Error(), bad.ID) {
			t.Errorf("%s: %v, doubt %v", name, err, o.Doubt)
		}
	}
	if views, _, err := b.desk.Mine(t.Context(), as("eve")); err != nil || len(views) != 0 {
		t.Errorf("eve is told %v", err)
	}
	if _, err := b.desk.Ask(t.Context(), as("ada"), desk.Wish{Resource: "staging"}); access.KindOf(err) != access.Conflict {
		t.Errorf("ada asks once more for what she asked for: %v", err)
	}
}

// The log is told of what cannot be read once, wherever and however often it would
// be seen.
func TestWhatCannotBeReadIsSaidOnce(t *testing.T) {
	b := set(t)
	first, second := b.ask("ada", desk.Wish{Resource: "staging"}), b.ask("eve", desk.Wish{Resource: "staging"})
	look := func(want int) {
		t.Helper()
		for range 2 {
			for _, n := range []string{"root", "ada", "eve"} {
				_, _, mine := b.desk.Mine(t.Context(), as(n))
				_, _, other := b.desk.Requests(t.Context(), as(n), access.Query{})
				_, inbox := b.desk.Inbox(t.Context(), as(n))
				_, err := b.desk.Resource(t.Context(), as(n), "staging")
				told := errors.Is(mine, desk.ErrUnreadable) || errors.Is(other, desk.ErrUnreadable)
				if err != nil || inbox != nil || !told && n != "eve" {
					t.Errorf("%s: %v, %v, %v, %v", n, err, inbox, mine, other)
				}
			}
		}
		if n := strings.Count(b.room.Log.String(), "requests on record cannot be read"); n != want {
			t.Errorf("said %d times, want %d", n, want)
		}
	}
	b.damage("UPDATE requests SET body = '{' WHERE id = ?", first.ID)
	look(1)
	b.damage("UPDATE requests SET body = '{' WHERE id = ?", second.ID)
	look(2)
}
