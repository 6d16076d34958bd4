package audit

import (
	"bytes"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/google/go-cmp/cmp"
)

func full(zone *time.Location) engine.Event {
	at := time.Date(2026, 11, 24, 9, 0, 0, 1, time.UTC).In(zone)
	no := false
	return engine.Event{
		At: at, Kind: engine.EventConfirmed, Run: "r", By: "root", Op: engine.Remove, Why: engine.Ends,
		Directory: "corp", Group: "<prod> & \u2028\n\"db\"", GroupID: "gid", Member: &engine.Member{ID: "m", Login: "Zoë", Kind: engine.OtherMember},
		Person: "zoe@example.org", Grants: []engine.Anchor{{Grant: "g", Until: at}}, Changed: &no, Error: "e",
		Due: &at, Removed: &at, Digest: "d", Reason: "why",
		Objected: []engine.Objection{{Limit: engine.LimitAdd, Group: "corp/prod", Value: 2, Allowed: 1, Message: "m"}},
		Counts:   &engine.Counts{Groups: 1, Overdue: 2},
	}
}

// TestEncodeStable pins the bytes: a log that is exported today is verified by
// whoever reads it in ten years.
func TestEncodeStable(t *testing.T) {
	t.Parallel()
	got, err := Encode(full(time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	const at = `"2026-11-24T09:00:00.000000001Z"`
	want := `{"at":` + at + `,"kind":"confirmed","run":"r","by":"root","op":"remove","why":"ends",` +
		`"directory":"corp","group":"<prod> & \u2028\n\"db\"","groupID":"gid","member":{"id":"m","login":"Zoë","kind":"other"},` +
		`"person":"zoe@example.org","grants":[{"grant":"g","until":` + at + `}],"changed":false,"error":"e",` +
		`"due":` + at + `,"removed":` + at + `,"digest":"d","reason":"why",` +
		`"objections":[{"limit":"add","group":"corp/prod","value":2,"allowed":1,"message":"m"}],` +
		`"counts":{"groups":1,"members":0,"added":0,"removed":0,"forgotten":0,"failed":0,"held":0,"overdue":2,"problems":0,"foreign":0}}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	const hash = "d5f62a60c2c2f47e97d4697f92ab2f61190beb97bd029e374db80cba0a3d408f"
	if r := (Head{}).Next(got); r.Hash.String() != hash {
		t.Errorf("hash %s, want %s", r.Hash, hash)
	}
}

func TestEncodeKnowsNoZone(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("here", 3*3600)
	event := full(zone)
	here, err := Encode(event)
	if err != nil {
		t.Fatal(err)
	}
	utc, err := Encode(full(time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(here, utc) {
		t.Errorf("bytes differ by zone:\n%s\n%s", here, utc)
	}
	if event.Due.Location() != zone || event.Grants[0].Until.Location() != zone {
		t.Error("the caller's event was changed")
	}
}

func TestEventReadsBack(t *testing.T) {
	t.Parallel()
	want := full(time.UTC)
	body, err := Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := (Record{Seq: 1, Body: body}).Event()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(engine.Objection{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := (Record{Seq: 7, Body: []byte("no")}).Event(); err == nil {
		t.Error("a body that is no event was read")
	}
}
