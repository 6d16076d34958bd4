package web_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
)

// decide sends an approver's word on the first step.
func (b *browser) decide(id, verb string, pairs ...string) answer {
	b.t.Helper()
	return b.post("/requests/"+id+"/"+verb, append(pairs, "step", "0", "extension", "0", "comment", "as agreed")...)
}

// undecided fails the test when anything was decided about a request.
func (r *rig) undecided(id string) {
	r.t.Helper()
	if x := r.request(id); x.Status != access.Asked || len(x.Course.Decisions) > 0 || x.Grant != nil {
		r.t.Errorf("it is %s, with %d decisions", x.Status, len(x.Course.Decisions))
	}
}

// TestReplayedApproval: the same click twice counts once.
func TestReplayedApproval(t *testing.T) {
	t.Parallel()
	r := open(t)
	id := r.ask("ada", desk.Wish{Resource: "prod"})
	r.by("bob").decide(id, "approve").want(t, http.StatusSeeOther)
	for _, verb := range []string{"approve", "deny"} {
		r.by("bob").decide(id, verb).want(t, http.StatusConflict, "moved on")
		r.by("carol").decide(id, verb).want(t, http.StatusConflict, "moved on") // a step that is done
	}
	if x := r.request(id); len(x.Course.Decisions) != 1 || x.Course.Step != 1 {
		t.Errorf("step %d, with %+v", x.Course.Step, x.Course.Decisions)
	}
	r.by("fay").post("/requests/"+id+"/approve", "step", "1", "extension", "0").want(t, http.StatusSeeOther)
	r.by("fay").post("/requests/"+id+"/approve", "step", "1", "extension", "0").want(t, http.StatusConflict, "approved already")
	if x := r.request(id); x.Status != access.Approved || len(x.Course.Decisions) != 2 {
		t.Errorf("%s, with %+v", x.Status, x.Course.Decisions)
	}
}

// TestQuorumCountsPeople: one person is one of two, however often they click.
func TestQuorumCountsPeople(t *testing.T) {
	t.Parallel()
	r := open(t)
	r.rules.Resources[3].Policy.Steps[0].Quorum = 2
	id := r.ask("ada", desk.Wish{Resource: "staging"})
	r.by("bob").decide(id, "approve").want(t, http.StatusSeeOther)
	r.by("bob").decide(id, "approve").want(t, http.StatusConflict, "you approved this step already")
	if x := r.request(id); x.Status != access.Asked {
		t.Fatalf("one person is two: %s", x.Status)
	}
	r.by("carol").decide(id, "approve").want(t, http.StatusSeeOther)
	if x := r.request(id); x.Status != access.Approved {
		t.Errorf("two people are not enough: %s", x.Status)
	}
}

// TestSecondThought: whoever approved a step may deny it while it waits, and is
// offered nothing else; it waits for them no more.
func TestSecondThought(t *testing.T) {
	t.Parallel()
	r := open(t)
	r.rules.Resources[3].Policy.Steps[0].Quorum = 2
	id := r.ask("ada", desk.Wish{Resource: "staging"})
	const still = "you can still deny it"
	const approve = "Approve Staging databases for ada"
	if a := r.by("bob").get("/requests/" + id); !strings.Contains(a.text(), approve) || strings.Contains(a.text(), still) {
		t.Errorf("he did not approve it: %s", a.text())
	}
	r.by("bob").decide(id, "approve").want(t, http.StatusSeeOther)
	if a := r.by("bob").get("/requests/" + id); !strings.Contains(a.text(), still) || strings.Contains(a.text(), approve) {
		t.Errorf("he approved it: %s", a.text())
	}
	r.by("bob").get("/approve").want(t, http.StatusOK, "Nothing waits for you")
	r.by("bob").decide(id, "deny").want(t, http.StatusSeeOther)
	x := r.request(id)
	if x.Status != access.Denied || len(x.Course.Decisions) != 2 {
		t.Errorf("%s, with %+v", x.Status, x.Course.Decisions)
	}
}

// TestEarlierRequestsAreTheOthers: an approver reads what was asked before the
// request at hand, whatever became of that one.
func TestEarlierRequestsAreTheOthers(t *testing.T) {
	t.Parallel()
	r := open(t)
	for range 2 {
		id := r.ask("ada", desk.Wish{Resource: "staging"})
		r.by("bob").decide(id, "deny").want(t, http.StatusSeeOther)
		r.clock.Pass(time.Minute)
	}
	id := r.ask("ada", desk.Wish{Resource: "staging"})
	if a := r.by("bob").get("/requests/" + id); !strings.Contains(a.text(), "had asked for it twice before, and had it never") {
		t.Error(a.text())
	}
}

// TestExpiredLink: the page of a request that lapsed says so, and so does who
// still decides on it.
func TestExpiredLink(t *testing.T) {
	t.Parallel()
	r := open(t)
	id := r.ask("ada", desk.Wish{Resource: "prod"})
	r.by("bob").get("/requests/"+id).want(t, http.StatusOK, "Approve")
	r.clock.Pass(8 * 24 * time.Hour)
	r.by("bob").decide(id, "approve").want(t, http.StatusConflict, "lapsed")
	r.by("bob").get("/requests/"+id).want(t, http.StatusOK, "Lapsed")
	if x := r.request(id); x.Status != access.Lapsed || x.Grant != nil || len(x.Course.Decisions) > 0 {
		t.Errorf("it is %s", x.Status)
	}
	late := r.ask("ada", desk.Wish{Resource: "staging"}) // to be decided within a day
	r.clock.Pass(25 * time.Hour)
	r.by("bob").decide(late, "approve").want(t, http.StatusConflict, "denied")
	if x := r.request(late); x.Status != access.Denied || x.Grant != nil {
		t.Errorf("it is %s", x.Status)
	}
}

// TestApproverRemovedMeanwhile: who left the group between the page and the
// click decides nothing, however fresh the page was.
func TestApproverRemovedMeanwhile(t *testing.T) {
	t.Parallel()
	r := open(t)
	id := r.ask("ada", desk.Wish{Resource: "prod"})
	r.by("bob").get("/requests/"+id).want(t, http.StatusOK, "Approve")
	r.corp.Take(r.groups["approvers"], r.ids["bob"])
	r.by("bob").decide(id, "approve").want(t, http.StatusForbidden, "may not decide")
	r.by("bob").decide(id, "deny").want(t, http.StatusNotFound) // it is known by now that he is none of them
	r.undecided(id)
	r.by("carol")
	r.corp.Disable(r.ids["carol"]) // in the group, and of no account
	r.by("carol").decide(id, "approve").want(t, http.StatusForbidden, "is disabled")
	r.undecided(id)
}

// TestSecondAccountApproves: nobody decides for themselves by another address.
func TestSecondAccountApproves(t *testing.T) {
	t.Parallel()
	r := open(t)
	r.corp.Put(r.groups["approvers"], r.ids["ada"], r.ids["lovelace"])

	// One account in the directory, for two addresses.
	r.rules.Directories = map[engine.Directory]engine.Connector{"corp": sharing{r.corp, at("lovelace"), at("ada")}}
	r.desk.Use(r.rules)
	for _, verb := range []string{"approve", "deny"} {
		for _, w := range []desk.Wish{{Resource: "prod"}, {Resource: "prod", Person: at("eve")}} { // for her, and asked by her
			id := r.ask("ada", w)
			r.by("lovelace").decide(id, verb).want(t, http.StatusForbidden, "nobody decides on what they asked for")
			r.undecided(id)
			r.over(id)
		}
	}
	// Where it cannot be told whether it is one account, nothing is decided.
	id := r.ask("ada", desk.Wish{Resource: "prod"})
	r.rules.Directories = map[engine.Directory]engine.Connector{"corp": r.corp}
	r.desk.Use(r.rules)
	r.by("lovelace").get("/requests/"+id).want(t, http.StatusOK)
	r.corp.Down(engine.Unavailable)
	r.by("lovelace").decide(id, "approve").want(t, http.StatusServiceUnavailable)
	r.corp.Mend()
	r.undecided(id)

	// An alias of the configuration: she signs in as who she is.
	r.rules.Canonical = func(p engine.Person) engine.Person {
		if p == at("lovelace") {
			return at("ada")
		}
		return p
	}
	r.desk.Use(r.rules)
	r.by("lovelace").decide(id, "approve").want(t, http.StatusForbidden, "nobody decides on what they asked for")
	r.undecided(id)
}

// TestTwoApproversAtOnce: of two decisions at once one is taken, and the other
// approver is told; also where each came to another daypass.
func TestTwoApproversAtOnce(t *testing.T) {
	t.Parallel()
	r := open(t)
	other := r.elsewhere()
	for i := range 50 {
		id := r.ask("ada", desk.Wish{Resource: "staging"})
		desks := []*desk.Desk{r.desk, r.desk}
		if i%2 == 1 {
			desks[1] = other
		}
		var wait sync.WaitGroup
		errs := make([]error, 2)
		for n, who := range []string{"bob", "carol"} {
			wait.Go(func() {
				// One says yes and the other no, every other time.
				w := desk.Word{Approve: n == 0 || i%4 < 2, Comment: "as agreed"}
				_, errs[n] = desks[n].Decide(t.Context(), as(who), id, w)
			})
		}
		wait.Wait()
		x := r.request(id)
		if (errs[0] == nil) == (errs[1] == nil) || len(x.Course.Decisions) != 1 {
			t.Fatalf("round %d: %v, %v; on record %+v", i, errs[0], errs[1], x.Course.Decisions)
		}
		for n, err := range errs {
			switch {
			case err != nil && (access.KindOf(err) != access.Conflict || !strings.Contains(err.Error(), "already") && !strings.Contains(err.Error(), "somebody else")):
				t.Errorf("round %d: the other is told %v", i, err)
			case err == nil && x.Course.Decisions[0].By.Person != at([]string{"bob", "carol"}[n]):
				t.Errorf("round %d: on record is %s", i, x.Course.Decisions[0].By)
			}
		}
		r.over(id)
	}
}

// TestDirectoryCannotAnswer: nothing is decided on a doubtful answer, and the
// page says so.
func TestDirectoryCannotAnswer(t *testing.T) {
	t.Parallel()
	r := open(t)
	id := r.ask("ada", desk.Wish{Resource: "prod"})
	bob, carol := r.by("bob"), r.by("carol")
	bob.get("/requests/"+id).want(t, http.StatusOK, "Approve")
	for name, fail := range map[string]func(){
		"down":            func() { r.corp.Down(engine.Unavailable) },
		"denied":          func() { r.corp.Down(engine.Denied) },
		"half a listing":  func() { r.corp.Truncate(r.groups["approvers"]) },
		"group not there": func() { r.corp.RenameGroup(r.groups["approvers"], "others") },
	} {
		fail()
		a := bob.decide(id, "approve").want(t, http.StatusServiceUnavailable, "could not be found out")
		if mend := name == "group not there"; mend != (a.Header.Get("Retry-After") == "") { // to try again does not help
			t.Errorf("%s: Retry-After is %q", name, a.Header.Get("Retry-After"))
		}
		r.corp.Mend()
		if name == "group not there" {
			r.corp.RenameGroup(r.groups["approvers"], "approvers")
		}
		r.clock.Pass(31 * time.Second) // no answer is kept for longer
		bob.get("/requests/"+id).want(t, http.StatusOK)
		r.undecided(id)
	}
	// Somebody whom nobody saw before is not told that there is no such request.
	r.clock.Pass(time.Minute)
	r.corp.Down(engine.Unavailable)
	for _, a := range []answer{carol.get("/requests/" + id), carol.decide(id, "approve"), carol.decide(id, "deny")} {
		a.want(t, http.StatusServiceUnavailable, "could not be found out just now")
		if a.Header.Get("Retry-After") == "" {
			t.Error("a doubt without Retry-After")
		}
	}
	carol.get("/requests/rnotthere0000000000000").want(t, http.StatusNotFound)
	r.by("ada").get("/requests/"+id).want(t, http.StatusOK) // her own she sees
	carol.get("/approve").want(t, http.StatusOK, "could not be found out")
	r.corp.Mend()
	r.undecided(id)
	if !strings.Contains(r.log.String(), "doubtful") {
		t.Error("why it is doubtful is not in the log")
	}
	r.clock.Pass(11 * time.Second)
	if a := carol.get("/approve").want(t, http.StatusOK, "Production for ada"); strings.Contains(a.text(), "could not be found out") {
		t.Errorf("the doubt stays: %s", a.text())
	}
}

// TestResourceLeftTheConfiguration: what is open can be seen, withdrawn and
// ended, and no more comes of it.
func TestResourceLeftTheConfiguration(t *testing.T) {
	t.Parallel()
	r := open(t)
	asked, also := r.ask("ada", desk.Wish{Resource: "staging"}), r.ask("eve", desk.Wish{Resource: "staging"})
	given := r.approved("gil", desk.Wish{Resource: "staging"})
	r.rules.Resources = r.rules.Resources[:3]
	r.desk.Use(r.rules)
	r.by("ada").get("/ask/staging").want(t, http.StatusNotFound)
	r.by("ada").post("/ask/staging", "for", "1h", "reason", "x").want(t, http.StatusNotFound)
	for _, path := range []string{"/ask", "/mine", "/requests", "/requests/" + asked} {
		r.by("ada").get(path).want(t, http.StatusOK)
	}
	r.by("root").get("/requests/"+asked).want(t, http.StatusOK)
	for _, who := range []string{"bob", "root"} {
		if a := r.by(who).decide(asked, "approve"); a.StatusCode < 400 || a.StatusCode >= 500 {
			t.Errorf("%s approves, and is answered %d %s", who, a.StatusCode, a.text())
		}
	}
	r.undecided(asked)
	r.by("gil").post("/requests/"+given+"/extend", "for", "1h", "reason", "more").want(t, http.StatusConflict, "not in the configuration")
	r.by("ada").post("/requests/"+asked+"/withdraw").want(t, http.StatusSeeOther)
	r.by("gil").post("/requests/"+given+"/end").want(t, http.StatusSeeOther)
	if x := r.request(given); x.Grant.End == nil {
		t.Error("it is not ended")
	}
	r.clock.Pass(8 * 24 * time.Hour)
	r.by("eve").get("/requests/"+also).want(t, http.StatusOK, "Denied") // nobody did in time
}

// TestPolicyIsFrozen: who asked under one policy is judged by it, whatever it
// says since; and who may approve by it is looked up now.
func TestPolicyIsFrozen(t *testing.T) {
	t.Parallel()
	r := open(t)
	old := r.ask("ada", desk.Wish{Resource: "prod"})
	p := *r.rules.Resources[1].Policy
	p.Auto, p.Steps, p.Max = "yes", []access.Step{{Name: "anybody", Approvers: access.Who{Anyone: true}, Quorum: 1}}, time.Minute
	p.Default = time.Minute
	r.rules.Resources[1].Policy = &p
	r.desk.Use(r.rules)
	r.by("eve").decide(old, "approve").want(t, http.StatusNotFound)
	r.undecided(old)
	if x := r.request(old); len(x.Policy.Steps) != 2 {
		t.Errorf("the policy is %+v", x.Policy)
	}
	r.by("bob").decide(old, "approve").want(t, http.StatusSeeOther)
	if x := r.request(old); x.Status != access.Asked {
		t.Errorf("the second step is gone: %s", x.Status)
	}
	r.by("fay").post("/requests/"+old+"/approve", "step", "1", "extension", "0").want(t, http.StatusSeeOther)
	if x := r.request(old); x.Status != access.Approved || x.Grant.Until.Sub(x.Grant.From) != 2*time.Hour {
		t.Errorf("%s: %+v", x.Status, x.Grant)
	}
	r.over(old)
	if fresh := r.request(r.ask("ada", desk.Wish{Resource: "prod"})); fresh.Status != access.Approved {
		t.Errorf("under the policy of now it is %s", fresh.Status)
	}
}
