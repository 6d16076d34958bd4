package report_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/report"
)

// inspected builds a report as Inspect would feed it.
func inspected(res engine.Result, err error, vs ...*engine.GroupView) *report.Compliance {
	var b report.Builder
	for _, v := range vs {
		b.Add(*v, engine.Diff(engine.View{Now: now, Groups: []engine.GroupView{*v}}))
	}
	return b.Finish(res, err)
}

func compliance(vs ...*engine.GroupView) *report.Compliance {
	return inspected(result(engine.DefaultLimits(), vs...), nil, vs...)
}

func TestCompliancePages(t *testing.T) {
	t.Parallel()
	views := append(busy(), heldBack()...)
	res := late(result(engine.DefaultLimits(), views...), "corp: remove: connection refused")
	mixed := inspected(res, nil, views...)
	strange := compliance(odd()...)
	stopped := inspected(engine.Result{}, fmt.Errorf("%w: corp says it is 2031", engine.ErrClock))
	for name, write := range map[string]func(*bytes.Buffer) error{
		"report-mixed":         func(b *bytes.Buffer) error { return mixed.Text(b, report.Options{}) },
		"report-mixed-120":     func(b *bytes.Buffer) error { return mixed.Text(b, report.Options{Width: 120}) },
		"report-differences":   func(b *bytes.Buffer) error { return mixed.Text(b, report.Options{Differences: true, Color: true}) },
		"report-odd":           func(b *bytes.Buffer) error { return strange.Text(b, report.Options{}) },
		"report-stopped":       func(b *bytes.Buffer) error { return stopped.Text(b, report.Options{}) },
		"reportjson-mixed":     func(b *bytes.Buffer) error { return mixed.JSON(b, report.Options{}) },
		"reportjson-stopped":   func(b *bytes.Buffer) error { return stopped.JSON(b, report.Options{}) },
		"reportcsv-mixed":      func(b *bytes.Buffer) error { return mixed.CSV(b, report.Options{}) },
		"reportcsv-odd":        func(b *bytes.Buffer) error { return strange.CSV(b, report.Options{}) },
		"reportcsv-difference": func(b *bytes.Buffer) error { return mixed.CSV(b, report.Options{Differences: true}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden(t, name, write)
		})
	}
}

// Every state, made by the smallest group that has it.
func TestStates(t *testing.T) {
	t.Parallel()
	ada := func(v *engine.GroupView) { there(v, "ada") }
	wished := func(v *engine.GroupView) { wish(v, "ada", at(8), "CHG-1") }
	ours := func(until float64) func(*engine.GroupView) {
		return func(v *engine.GroupView) { owned(v, "ada", at(until)) }
	}
	all := func(fs ...func(*engine.GroupView)) func(*engine.GroupView) {
		return func(v *engine.GroupView) {
			for _, f := range fs {
				f(v)
			}
		}
	}
	trust := func(x engine.Trust) func(*engine.GroupView) {
		return func(v *engine.GroupView) { v.Trust, v.Note = x, "why" }
	}
	standing := func(v *engine.GroupView) { v.Standing = map[engine.MemberID]bool{"u-ada": true, "": true} }
	removed := func(r engine.RemovedRule) func(*engine.GroupView) {
		return func(v *engine.GroupView) { v.Rules.Removed = r }
	}
	unread := func(v *engine.GroupView) { v.GrantsUnread = true }
	protect := func(v *engine.GroupView) { v.Protected = map[engine.MemberID]bool{"u-ada": true} }
	stray := func(v *engine.GroupView) { v.Stray = map[engine.GrantID]bool{"g-ada": true} }
	dropped := func(v *engine.GroupView) { v.Owned[0].State = engine.Dropped }
	fails := func(k engine.Kind) func(*engine.GroupView) {
		return func(v *engine.GroupView) { wishFails(v, "ada", k, "so it is") }
	}
	const yes, no, unknown = report.Yes, report.No, report.Unknown
	for name, x := range map[string]struct {
		make            func(*engine.GroupView)
		desired, actual report.Fact
		state           report.State
		verdict         report.Verdict
	}{
		"granted":                  {all(ada, wished, ours(8)), yes, yes, report.Granted, report.Same},
		"there before":             {all(ada, wished), yes, yes, report.Standing, report.Same},
		"standing list":            {all(ada, standing), yes, yes, report.ExpectedStanding, report.Same},
		"standing and granted":     {all(ada, standing, wished), yes, yes, report.ExpectedStanding, report.Same},
		"standing, not there":      {standing, yes, no, report.Missing, report.Unexplained},
		"standing, unread":         {all(standing, trust(engine.Unread)), yes, unknown, report.NotKnown, report.Undecided},
		"starting":                 {wished, yes, no, report.Starting, report.Explained},
		"restoring":                {all(wished, ours(8)), yes, no, report.Restoring, report.Explained},
		"taken out, ends":          {all(wished, ours(8), removed(engine.RemovedEnd)), yes, no, report.Missing, report.Explained},
		"taken out, reported":      {all(wished, ours(8), removed(engine.RemovedReport)), yes, no, report.Missing, report.Unexplained},
		"dropped":                  {all(wished, ours(8), dropped), yes, no, report.Missing, report.Explained},
		"dropped, then put back":   {all(wished, ours(8), dropped, ada), yes, yes, report.Standing, report.Same},
		"dropped, over, put back":  {all(ours(-1), dropped, ada), no, yes, report.Foreign, report.Unexplained},
		"ending":                   {all(ada, ours(-1)), no, yes, report.Ending, report.Explained},
		"ending, unread":           {all(ours(-1), trust(engine.Unread)), no, unknown, report.Ending, report.Undecided},
		"ending, grants unread":    {all(ada, ours(-1), unread), no, yes, report.Ending, report.Explained},
		"withdrawn":                {all(ada, ours(9)), no, yes, report.Ending, report.Explained},
		"withdrawn, unread":        {all(ours(9), trust(engine.Unread)), no, unknown, report.NotKnown, report.Undecided},
		"withdrawn, protected":     {all(ada, ours(9), protect), no, yes, report.Protected, report.Explained},
		"over":                     {ours(-1), no, no, report.Over, report.Same},
		"foreign":                  {ada, no, yes, report.Foreign, report.Unexplained},
		"foreign, doubtful":        {all(ada, trust(engine.Doubtful)), no, yes, report.Foreign, report.Unexplained},
		"foreign, ignored":         {all(ada, func(v *engine.GroupView) { v.Rules.Foreign = engine.ForeignIgnore }), no, yes, report.Ignored, report.Explained},
		"foreign, grants unread":   {all(ada, unread), unknown, yes, report.NotKnown, report.Undecided},
		"ours, grants unread":      {all(ada, ours(9), unread), unknown, yes, report.NotKnown, report.Undecided},
		"wished, unread":           {all(wished, ours(8), trust(engine.Unread)), yes, unknown, report.NotKnown, report.Undecided},
		"wished, doubtful":         {all(wished, trust(engine.Doubtful)), yes, unknown, report.Starting, report.Undecided},
		"wished, group gone":       {all(wished, trust(engine.Gone)), yes, unknown, report.Missing, report.Undecided},
		"standing, group gone":     {all(standing, trust(engine.Gone)), yes, unknown, report.NotKnown, report.Undecided},
		"over, group gone":         {all(ours(-1), trust(engine.Gone)), no, unknown, report.Held, report.Undecided},
		"just removed":             {all(ours(-1), justRemoved), no, no, report.Over, report.Same},
		"just removed, withdrawn":  {all(ours(9), justRemoved), no, no, report.Over, report.Same},
		"just removed, unread":     {all(ours(-1), justRemoved, trust(engine.Unread)), no, unknown, report.Over, report.Undecided},
		"just removed, group gone": {all(ours(-1), justRemoved, trust(engine.Gone)), no, unknown, report.Over, report.Undecided},
		"just removed, no grants":  {all(ours(9), justRemoved, unread), unknown, no, report.Over, report.Undecided},
		"just removed, protected":  {all(ours(9), justRemoved, protect), no, no, report.Over, report.Same},
		"just removed, wished":     {all(ours(-1), justRemoved, wished), yes, no, report.Starting, report.Explained},
		"leads nowhere":            {all(ada, ours(9), stray), yes, yes, report.Granted, report.Same},
		"leads nowhere, not there": {all(ours(9), stray), yes, no, report.Missing, report.Explained},
		"leads nowhere, unread":    {all(ours(9), stray, trust(engine.Unread)), yes, unknown, report.NotKnown, report.Undecided},
		"wished, unmanageable":     {all(wished, func(v *engine.GroupView) { v.Unmanageable = "follows a rule" }), yes, no, report.Missing, report.Explained},
		"no account":               {fails(engine.NotFound), yes, no, report.NoAccount, report.Explained},
		"two accounts":             {fails(engine.Ambiguous), yes, unknown, report.TwoAccounts, report.Undecided},
		"disabled":                 {fails(engine.Disabled), yes, unknown, report.Disabled, report.Undecided},
		"not resolved":             {fails(engine.Unavailable), yes, unknown, report.Unresolved, report.Undecided},
		"a removal that is unread": {all(ours(-1), trust(engine.Doubtful)), no, unknown, report.Ending, report.Undecided},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := group("g")
			x.make(v)
			var got []report.Row
			c := compliance(v)
			for r := range c.Rows() {
				got = append(got, r)
			}
			if len(got) != 1 {
				t.Fatalf("got %d rows, want 1: %+v", len(got), got)
			}
			r := got[0]
			if r.Desired != x.desired || r.Actual != x.actual || r.State != x.state || r.Verdict != x.verdict {
				t.Errorf("got desired %s, actual %s, %s, %s; want %s, %s, %s, %s",
					r.Desired, r.Actual, r.State, r.Verdict, x.desired, x.actual, x.state, x.verdict)
			}
			if ours := len(v.Owned) > 0 && v.Owned[0].State != engine.Dropped; ours == r.Since.IsZero() {
				t.Errorf("since is %v, want it where the membership is ours", r.Since)
			}
			if r.Why == "" {
				t.Error("the row says nothing of why")
			}
		})
	}
}

// Whom daypass has just taken out is not said to be there, nor to be there
// until the grant would have ended: not in any form of the report.
func TestJustRemoved(t *testing.T) {
	t.Parallel()
	revoked := func(v *engine.GroupView) { v.Ended = map[engine.GrantID]time.Time{"g-ada": at(-0.1)} }
	due := func(v *engine.GroupView) { v.Owned[0].Due = at(-0.2) }
	vanished := func(*engine.GroupView) {}
	for name, x := range map[string]struct {
		end   func(*engine.GroupView)
		until time.Time
		text  string
	}{
		"revoked, and the grants say when": {revoked, at(-0.1), "; ended 2026-11-23T08:54Z, 6 min ago; ours"},
		"the ledger says when":             {due, at(-0.2), "; ended 2026-11-23T08:48Z, 12 min ago; ours"},
		"vanished, nobody says when":       {vanished, time.Time{}, "; ours"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := group("g")
			owned(v, "ada", at(9))
			justRemoved(v)
			x.end(v)
			c := compliance(v)
			for r := range c.Rows() {
				want := report.Row{
					Directory: "corp", Group: "g", GroupID: "id-g", Person: "ada@example.org", Login: "ada", Member: "u-ada",
					Desired: report.No, Actual: report.No, State: report.Over, Verdict: report.Same,
					Why: "removed; a listing after the grace will confirm it", Grant: "g-ada", Until: x.until, Since: at(-30),
				}
				if d := cmp.Diff(want, r); d != "" {
					t.Errorf("-want +got:\n%s", d)
				}
			}
			if g := c.Total(); g.Unexplained+g.Explained+g.Unknown+g.Actual > 0 || len(c.Foreign()) > 0 {
				t.Errorf("got %+v, want nothing to look at", g)
			}
			var text bytes.Buffer
			if err := c.Text(&text, report.Options{Width: 200}); err != nil {
				t.Fatal(err)
			}
			if want := "= over  ada@example.org  removed; a listing after the grace will confirm it" + x.text; !strings.Contains(text.String(), want) {
				t.Errorf("got\n%swant %q in it", text.String(), want)
			}
		})
	}
}

// A later listing counts, and so does an account that somebody put back.
func TestNoLongerJustRemoved(t *testing.T) {
	t.Parallel()
	v := group("g")
	there(v, "ada")
	owned(v, "ada", at(-1))
	justRemoved(v)
	v.Read = at(1)
	for r := range compliance(v).Rows() {
		if r.State != report.Ending || r.Actual != report.Yes {
			t.Errorf("got %s, actual %s; want ending, and there", r.State, r.Actual)
		}
	}
}

// Of a group that is not there any more, or does not answer, nobody knows who
// is in it: no form of the report has a number for that.
func TestFiguresOfGroupsThatWereNotRead(t *testing.T) {
	t.Parallel()
	for _, trust := range []engine.Trust{engine.Unread, engine.Gone} {
		t.Run(string(trust), func(t *testing.T) {
			t.Parallel()
			v := group("g")
			wish(v, "ada", at(8), "CHG-1")
			v.Standing = map[engine.MemberID]bool{"u-bob": true}
			owned(v, "cyd", at(9))
			owned(v, "dee", at(-1))
			v.Owned[1].State, v.Owned[1].Wrote, v.Read, v.Grace = engine.Removed, at(-0.01), now, time.Minute
			v.Trust, v.Note = trust, "so it is"
			c := compliance(v)
			for r := range c.Rows() {
				if r.Actual != report.Unknown || r.Verdict != report.Undecided {
					t.Errorf("%s: got actual %s, %s; want unknown, unknown", r.Login, r.Actual, r.Verdict)
				}
			}
			var text, json, csv bytes.Buffer
			if err := errors.Join(c.Text(&text, report.Options{}), c.JSON(&json, report.Options{}), c.CSV(&csv, report.Options{})); err != nil {
				t.Fatal(err)
			}
			figures := fmt.Sprintf("%9s %9s %10s %12s %9s  corp/g", "2", "?", "0", "0", "4")
			if !strings.Contains(text.String(), figures) {
				t.Errorf("got\n%swant %q in it", text.String(), figures)
			}
			if want := `"desired":2,"actual":null,"explained":0,"unexplained":0,"unknown":4`; !strings.Contains(json.String(), want) {
				t.Errorf("got\n%swant %q in it", json.String(), want)
			}
			for i, l := range strings.Split(strings.TrimSpace(csv.String()), "\r\n") {
				if i > 0 && strings.Split(l, ",")[8] != "unknown" {
					t.Errorf("got %q, want actual to be unknown", l)
				}
			}
		})
	}
}

// Somebody whose account is not certain, and who is in the group by a grant
// that is in force, is no foreigner and is not leaving.
func TestWaitingMemberStays(t *testing.T) {
	t.Parallel()
	v := group("g")
	there(v, "ada")
	owned(v, "ada", at(-1))
	wishFails(v, "ada", engine.Ambiguous, "2 accounts")
	states := make(map[report.State]report.Verdict)
	for r := range compliance(v).Rows() {
		states[r.State] = r.Verdict
	}
	want := map[report.State]report.Verdict{report.TwoAccounts: report.Undecided, report.Granted: report.Same}
	if d := cmp.Diff(want, states); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestHeldAndOverdueRows(t *testing.T) {
	t.Parallel()
	vs := heldBack()
	owned(vs[0], "user5", at(-3))
	res := late(result(engine.DefaultLimits(), vs...), "corp: no answer")
	got := make(map[report.State]int)
	for r := range inspected(res, nil, vs...).Rows() {
		got[r.State]++
		if r.State == report.Overdue && !strings.Contains(r.Why, "corp: no answer") {
			t.Errorf("overdue row says %q, want the last error in it", r.Why)
		}
	}
	want := map[report.State]int{report.Held: 5, report.Overdue: 1, report.Foreign: 4, report.Starting: 1}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// What is not known is said before anything that is.
func TestNotReadComesFirst(t *testing.T) {
	t.Parallel()
	vs := busy()
	vs[0].Unsure = true
	vs[1].Trust, vs[1].Note = engine.Doubtful, "reads as 4 members where it had 40"
	quietly := group("quiet")
	quietly.Trust = engine.Unread
	vs = append(vs, quietly)
	res := result(engine.DefaultLimits(), vs...)
	res.GrantsErr = errors.New("a.yaml: no\nb.yaml: no")
	c := inspected(res, errors.New("store: disk full"), vs...)
	var kinds []string
	for _, n := range c.NotRead {
		kinds = append(kinds, n.Kind+" "+n.Group)
	}
	want := []string{"stopped ", "grants-unread ", "unreadable-group legacy", "doubtful-reading prod-db", "unreadable-group quiet", "unresolved ops"}
	if d := cmp.Diff(want, kinds); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	var text bytes.Buffer
	if err := c.Text(&text, report.Options{}); err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(text.String(), "desired ")
	for _, s := range []string{"store: disk full", "a.yaml: no", "b.yaml: no", "corp/quiet: its directory does not answer"} {
		if !strings.Contains(first, s) {
			t.Errorf("%q is not said before the summary:\n%s", s, first)
		}
	}
}

// A row comes back as it was packed.
func TestRowsKeepWhatTheyHold(t *testing.T) {
	t.Parallel()
	v := group("g")
	there(v, "ada")
	wish(v, "ada", at(8), "CHG-1: \x00 ünïcode")
	wish(v, "ada", at(4), "another")
	v.Wishes[1].Grant.ID = "g-second"
	owned(v, "ada", at(8))
	for r := range compliance(v).Rows() {
		want := report.Row{
			Directory: "corp", Group: "g", GroupID: "id-g", Person: "ada@example.org", Login: "ada", Member: "u-ada",
			Desired: report.Yes, Actual: report.Yes, State: report.Granted, Verdict: report.Same, Why: "a grant is in force",
			Grant: "g-ada", Reason: "CHG-1: \x00 ünïcode", Until: at(8), Since: at(-30),
		}
		if d := cmp.Diff(want, r); d != "" {
			t.Errorf("-want +got:\n%s", d)
		}
		if !r.Until.Equal(at(8)) || r.Until.Location() != time.UTC {
			t.Errorf("until is %v, want %v in UTC", r.Until, at(8))
		}
	}
}

// Who added a foreign member is told where the directory's log does, and the
// last one counts; who is explained is nobody's question.
func TestAttribution(t *testing.T) {
	t.Parallel()
	c := compliance(busy()...)
	gs := c.Foreign()
	if len(gs) == 0 {
		t.Fatal("there are no foreign members")
	}
	var foreign, granted report.Row
	for r := range c.Rows() {
		if (engine.Group{Directory: r.Directory, ID: r.GroupID}) != gs[0] {
			continue
		}
		if r.State == report.Foreign {
			foreign = r
		} else {
			granted = r
		}
	}
	c.Attribute(gs[0], []engine.Attribution{
		{At: at(-3), Op: engine.Add, Member: foreign.Member, By: "mallory"},
		{At: at(-1), Op: engine.Add, Member: foreign.Member, By: "trudy"},
		{At: at(-0.5), Op: engine.Remove, Member: foreign.Member, By: "eve"},
		{At: at(-1), Op: engine.Add, Member: granted.Member, By: "trudy"},
	})
	want := foreign.Why + "; added by trudy at " + at(-1).UTC().Format(time.RFC3339)
	for r := range c.Rows() {
		switch {
		case r.GroupID != gs[0].ID:
		case r.Member == foreign.Member && r.Why != want:
			t.Errorf("got %q, want %q", r.Why, want)
		case r.Member == granted.Member && r.Why != granted.Why:
			t.Errorf("got %q, want %q", r.Why, granted.Why)
		}
	}
	before := len(c.NotRead)
	c.Unattributed(gs[0], errors.New("no right to read the log"))
	if n := len(c.NotRead) - before; n != 1 {
		t.Errorf("a log that cannot be read: %d gaps more, want 1", n)
	}
}
