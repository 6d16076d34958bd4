package access_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

func TestReadable(t *testing.T) {
	for name, s := range map[string]string{
		"turned around": "pay \u202Eeve", "isolated": "a\u2066b", "left to right": "a\u202Db", "embedded": "a\u202Bb", "popped": "a\u202Cb", "first strong": "a\u2068b", "isolate's end": "a\u2069b", "Arabic mark": "a\u061Cb",
		"NUL": "a\x00b", "escape": "a\x1b[2Jb", "delete": "a\x7fb", "C1": "a\u0085b", "return alone": "good\rbad",
		"not UTF-8": "a\xffb", "cut": "a\xe2\x82", "surrogate": "a\xed\xa0\x80b", "replacement": "a\uFFFDb",
		"BOM": "\uFEFFa", "zero width": "a\u200Bb", "word joiner": "a\u2060b", "soft hyphen": "a\u00ADb", "tag": "a\U000E0041b",
		"line separator": "a\u2028b", "paragraph separator": "a\u2029b", "annotation": "a\uFFF9b",
		"too long": strings.Repeat("ä", 2001), "10 MB": strings.Repeat("a", 10<<20),
	} {
		err := access.Readable("reason", "the reason", s)
		if access.KindOf(err) != access.Invalid || len(err.Error()) > 200 || access.Readable("", "", err.Error()) != nil {
			t.Errorf("%s: got %.300v", name, err)
		}
	}
	for _, s := range []string{
		"", "CHG-1 <b>bold</b> =1+1", "two\nlines\r\nand\ttabs", "日本語 עברית العربية", "می\u200cخواهم", "👩\u200d🚒", "שלום!\u200f (x)", "\u200eCHG-1\u200e", "\u0600١", "e\u0301",
		strings.Repeat("ä", 2000),
	} {
		if err := access.Readable("reason", "the reason", s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestEveryTextIsRead(t *testing.T) {
	const bad = "a\u202Eb"
	b := set(t, staging())
	b.policy.Questions = []access.Question{{Name: "q", Type: access.TypeText}}
	for field, w := range map[string]access.Wish{
		"reason": {Reason: bad}, "ticket": {Ticket: bad}, "template": {Template: bad},
		"answers.q": {Answers: map[string]string{"q": bad}}, "answers": {Answers: map[string]string{bad + strings.Repeat("x", 1<<20): "1"}},
		"person": {Person: "a\u202E@example.org"},
	} {
		err := b.tryAsk(as(ada), w)
		if all := access.Refusals(err); len(all) != 1 || all[0].Field != field || len(all[0].Message) > 300 {
			t.Errorf("%s: got %.300v", field, err)
		}
	}
	for _, p := range []engine.Person{"ada", "Ada@example.org", " ada@example.org", "a@b@c", "ada@example.org\x00", engine.Person(strings.Repeat("a", 1<<20) + "@b")} {
		if err := b.tryAsk(as(ada), access.Wish{Person: p}); access.KindOf(err) != access.Invalid || len(err.Error()) > 300 {
			t.Errorf("%.30q: got %.300v", p, err)
		}
	}
	b.ask(access.Wish{BreakGlass: true})
	act := access.Act{By: as(ada), At: b.now, Comment: bad}
	_, _, err := b.r.End(act, false)
	b.refused(access.Invalid, err)
	act.By = as(bob)
	_, _, err = b.world.review(b.r, true, act)
	b.refused(access.Invalid, err)
	b.ask(access.Wish{})
	_, _, err = b.world.decide(b.r, true, act)
	b.refused(access.Invalid, err)
	act.By = as(ada)
	_, _, err = b.r.Withdraw(act)
	b.refused(access.Invalid, err)
	b.approve(bob)
	_, _, err = b.r.Extend(time.Hour, bad, act, access.Facts{}, vocabulary)
	b.refused(access.Invalid, err)
}

func TestAllThatIsWrongIsToldAtOnce(t *testing.T) {
	b := set(t, staging())
	b.policy.Ask = access.Who{People: []engine.Person{eve}}
	b.policy.Ticket = access.Text{Required: true, Hint: "CHG-1"}
	err := b.tryAsk(as(ada), access.Wish{For: 99 * time.Hour, From: b.now.Add(-1000 * time.Hour), Reason: " \n", Answers: map[string]string{"what": "?"}})
	var fields []string
	for _, e := range access.Refusals(err) {
		fields = append(fields, e.Field)
	}
	if got, want := strings.Join(fields, " "), " answers for from ticket"; got != want {
		t.Errorf("it tells of %q, want %q: %v", got, want, err)
	}
}

func TestReasonAndPattern(t *testing.T) {
	b := set(t, staging())
	b.policy.Reason = access.Text{}
	b.policy.Ticket = access.Text{Pattern: `CHG-\d+|INC-\d+`}
	for ticket, good := range map[string]bool{"": true, "CHG-1": true, " INC-22 \n": true, "CHG-1x": false, "xINC-2": false, "CHG-1\nINC-2": false} {
		if err := b.tryAsk(as(ada), access.Wish{Ticket: ticket}); (err == nil) != good {
			t.Errorf("ticket %q: %v", ticket, err)
		}
	}
	w := access.Wish{ID: "r1", Person: ada, Reason: " \t"}
	if _, _, err := b.world.ask(w, b.policy, access.Act{By: as(ada), At: b.now}); err != nil {
		t.Errorf("no reason was wanted: %v", err)
	}
	w.BreakGlass = true // an emergency always has one, and one that is to be seen
	w.Reason = " \u200c\n\u200d"
	if _, _, err := b.world.ask(w, b.policy, access.Act{By: as(ada), At: b.now}); access.KindOf(err) != access.Invalid {
		t.Errorf("an emergency without a reason: %v", err)
	}
}

func TestAnswers(t *testing.T) {
	questions := map[access.Type]access.Question{
		access.TypeText:   {Text: access.Text{Pattern: "[a-z]+"}},
		access.TypeNumber: {Min: new(1.0), Max: new(1e6)},
		access.TypeBool:   {},
		access.TypeChoice: {Choices: []string{"eu", "us"}},
		access.TypeDate:   {},
	}
	for _, c := range []struct {
		kind     access.Type
		in, want string // want is empty where it is refused
	}{
		{access.TypeText, " abc ", "abc"},
		{access.TypeText, "ABC", ""},
		{access.TypeNumber, "1e3", "1000"},
		{access.TypeNumber, "0.5", ""},
		{access.TypeNumber, "1e7", ""},
		{access.TypeNumber, "NaN", ""},
		{access.TypeNumber, "Inf", ""},
		{access.TypeNumber, "1e999", ""},
		{access.TypeNumber, "two", ""},
		{access.TypeNumber, "1,5", ""},
		{access.TypeBool, "1", "true"},
		{access.TypeBool, "F", "false"},
		{access.TypeBool, "yes", ""},
		{access.TypeChoice, "eu", "eu"},
		{access.TypeChoice, "EU", ""},
		{access.TypeDate, "2026-11-23", "2026-11-23"},
		{access.TypeDate, "2026-11-31", ""},
		{access.TypeDate, "23.11.2026", ""},
	} {
		b := set(t, staging())
		q := questions[c.kind]
		q.Name, q.Type = "q", c.kind
		b.policy.Questions = []access.Question{q}
		err := b.tryAsk(as(ada), access.Wish{Answers: map[string]string{"q": c.in}})
		if got := b.r.Answers["q"]; got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s %q: got %q, %v; want %q", c.kind, c.in, got, err, c.want)
		}
		b.policy.Questions[0].Required = true
		b.refused(access.Invalid, b.tryAsk(as(ada), access.Wish{}))
	}
}

// TestRequestThroughJSON: what the store gives back is what it was given.
func TestRequestThroughJSON(t *testing.T) {
	b := set(t, everything())
	b.ask(access.Wish{Ticket: "CHG-1", Template: "nightly", From: b.now.Add(time.Hour), Answers: map[string]string{"n": "3", "c": "a"}})
	same := func() {
		t.Helper()
		data, err := json.Marshal(b.r)
		b.must(err)
		var back access.Request
		b.must(json.Unmarshal(data, &back))
		if !reflect.DeepEqual(back, b.r) {
			t.Errorf("%+v came back as %+v", b.r, back)
		}
		b.r = back // and goes on as that
	}
	same()
	b.now = b.now.Add(90 * time.Minute).In(time.FixedZone("", 7200))
	b.approve(bob, cyd)
	same()
	b.approve(dan)
	same()
	b.must(b.tryExtend(as(ada), time.Hour))
	same()
	b.approve(cyd)
	same()
	b.must(b.tryEnd(as(ada), false))
	same()
	b.ask(access.Wish{BreakGlass: true, Answers: map[string]string{"n": "3"}})
	same()
	b.pass(5 * time.Hour)
	b.must(b.tryReview(as(bob)))
	same()
}

// Nobody looks for a ticket while the house is on fire.
func TestEmergencyNeedsAReasonOnly(t *testing.T) {
	p := access.Policy{
		Name: "production", For: access.Self, Max: time.Hour, Default: time.Hour, Pending: time.Hour,
		Ask: access.Who{Anyone: true}, Ticket: access.Text{Required: true, Pattern: `CHG-\d+`},
		Questions: []access.Question{{Name: "data", Type: access.TypeText, Text: access.Text{Required: true}}},
		Steps:     []access.Step{{Name: "lead", Approvers: access.Who{People: []engine.Person{"lin@example.org"}}, Quorum: 1}},
		BreakGlass: &access.BreakGlass{
			Ask: access.Who{Anyone: true}, Max: time.Hour,
			Review: access.Review{By: access.Who{People: []engine.Person{"lin@example.org"}}, Within: time.Hour},
		},
	}
	ada := access.Actor{Person: "ada@example.org"}
	f := access.Facts{Resource: access.Resource{Name: "prod-db"}, Person: access.Subject{Person: ada.Person}, Requester: access.Subject{Person: ada.Person}}
	act := access.Act{By: ada, At: time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)}
	ask := func(w access.Wish) string {
		w.ID, w.Person = "r1", ada.Person
		_, _, err := access.Ask(w, p, act, f, nil)
		var fields []string
		for _, e := range access.Refusals(err) {
			fields = append(fields, e.Field)
		}
		return strings.Join(fields, " ")
	}
	for _, c := range []struct {
		wish access.Wish
		want string
	}{
		{access.Wish{}, "answers.data ticket"},
		{access.Wish{BreakGlass: true}, "reason"},
		{access.Wish{BreakGlass: true, Reason: "all is down"}, ""},
		{access.Wish{BreakGlass: true, Reason: "all is down", Ticket: "later"}, "ticket"},
	} {
		if got := ask(c.wish); got != c.want {
			t.Errorf("%+v: wrong are %q, want %q", c.wish, got, c.want)
		}
	}
}
