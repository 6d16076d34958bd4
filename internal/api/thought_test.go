package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/internal/api"
)

// Whoever approved a step that still waits is told that they may deny it, and
// their denial denies.
func TestSecondThought(t *testing.T) {
	r := open(t)
	rules := r.rules()
	rules.Resources[3].Policy.Steps[0].Quorum = 2
	r.desk.Use(rules)
	id := into[api.Request](t, r.call("ada", "POST", "/api/v1/requests", `{"resource":"staging","reason":"x"}`).want(t, 201)).ID
	may := func(want api.May) {
		t.Helper()
		if x := into[api.Request](t, r.call("bob", "GET", "/api/v1/requests/"+id, "").want(t, 200)); x.May != want {
			t.Errorf("bob may %+v, want %+v", x.May, want)
		}
	}
	may(api.May{Decide: true, Deny: true})
	r.call("bob", "POST", "/api/v1/requests/"+id+"/approve", `{"step":0}`).want(t, 200)
	may(api.May{Deny: true})
	x := into[api.Request](t, r.call("bob", "POST", "/api/v1/requests/"+id+"/deny", `{"step":0,"comment":"on second thought"}`).want(t, 200))
	if x.State != "denied" || len(x.Steps[0].Decisions) != 2 || x.May != (api.May{}) {
		t.Errorf("it is %s, with %+v", x.State, x.Steps)
	}
}

// An emergency that was none ends with its review, and the groups are looked at.
func TestUnjustifiedEndsTheAccess(t *testing.T) {
	r := open(t)
	id := into[api.Request](t, r.call("ada", "POST", "/api/v1/requests", `{"resource":"staging","reason":"fire","breakGlass":true}`).want(t, 201)).ID
	<-r.woken
	x := into[api.Request](t, r.call("bob", "POST", "/api/v1/requests/"+id+"/review", `{"justified":false,"comment":"a rehearsal"}`).want(t, 200))
	if x.State != "revoked" || x.Grant.End == nil || x.Grant.End.By.Person != "bob@example.org" || x.Review.Justified {
		t.Errorf("it is %s: %+v, %+v", x.State, x.Grant, x.Review)
	}
	select {
	case groups := <-r.woken:
		if len(groups) != 1 || groups[0].Name != "staging" {
			t.Errorf("woken: %v", groups)
		}
	default:
		t.Error("nobody takes ada out")
	}
	may := into[struct{ BreakGlass api.Possible }](t, r.call("ada", "GET", "/api/v1/resources/staging", "").want(t, 200)).BreakGlass
	if may.Yes || !may.Until.Equal(x.Review.At.Add(24*time.Hour)) || !strings.Contains(may.Why, "a review found") {
		t.Errorf("another emergency is offered: %+v", may)
	}
}
