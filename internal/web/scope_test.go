package web_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
)

// TestEachScopeAlone: a token with one scope does what that is for, and nothing
// else, whatever its person may do.
func TestEachScopeAlone(t *testing.T) {
	t.Parallel()
	r := open(t)
	// One who is everything: approver, owner, auditor and administrator.
	r.corp.Put(r.groups["approvers"], r.ids["olga"])
	r.rules.Administrators, r.rules.Auditors = people("olga"), people("olga")
	for _, x := range []struct {
		name string
		need desk.Scope // empty: nothing that a token may do
		act  func(ctx context.Context, c desk.Caller) error
	}{
		{"list requests", desk.Read, func(ctx context.Context, c desk.Caller) error {
			_, _, err := r.desk.Requests(ctx, c, access.Query{})
			return err
		}},
		{"see one", desk.Read, func(ctx context.Context, c desk.Caller) error {
			_, err := r.desk.Request(ctx, c, r.ask("ada", desk.Wish{Resource: "staging"}))
			return err
		}},
		{"inbox", desk.Read, func(ctx context.Context, c desk.Caller) error { _, err := r.desk.Inbox(ctx, c); return err }},
		{"mine", desk.Read, func(ctx context.Context, c desk.Caller) error { _, _, err := r.desk.Mine(ctx, c); return err }},
		{"resources", desk.Read, func(ctx context.Context, c desk.Caller) error { _, err := r.desk.Resources(ctx, c, ""); return err }},
		{"members", desk.Read, func(ctx context.Context, c desk.Caller) error {
			_, err := r.desk.Members(ctx, c, "staging")
			return err
		}},
		{"audit", desk.Read, func(ctx context.Context, c desk.Caller) error {
			_, _, err := r.desk.Audit(ctx, c, desk.AuditQuery{})
			return err
		}},
		{"report", desk.Read, func(ctx context.Context, c desk.Caller) error { _, err := r.desk.Report(ctx, c); return err }},
		{"tokens", desk.Read, func(ctx context.Context, c desk.Caller) error { _, err := r.desk.Tokens(ctx, c); return err }},
		{"ask", desk.Request, func(ctx context.Context, c desk.Caller) error {
			_, err := r.desk.Ask(ctx, c, desk.Wish{Resource: "staging", Reason: "x"})
			return err
		}},
		{"withdraw", desk.Request, func(ctx context.Context, c desk.Caller) error {
			_, err := r.desk.Withdraw(ctx, c, r.ask("olga", desk.Wish{Resource: "staging"}), "", 0)
			return err
		}},
		{"extend", desk.Request, func(ctx context.Context, c desk.Caller) error {
			_, err := r.desk.Extend(ctx, c, r.approved("olga", desk.Wish{Resource: "staging"}), time.Hour, "more", 0)
			return err
		}},
		{"give back", desk.Request, func(ctx context.Context, c desk.Caller) error {
			_, err := r.desk.End(ctx, c, r.approved("olga", desk.Wish{Resource: "staging"}), "", 0)
			return err
		}},
		{"end another's", desk.Admin, func(ctx context.Context, c desk.Caller) error {
			_, err := r.desk.End(ctx, c, r.approved("ada", desk.Wish{Resource: "staging"}), "it is done", 0)
			return err
		}},
		{"approve", desk.Approve, func(ctx context.Context, c desk.Caller) error {
			_, err := r.desk.Decide(ctx, c, r.ask("ada", desk.Wish{Resource: "staging"}), desk.Word{Approve: true})
			return err
		}},
		{"deny", desk.Approve, func(ctx context.Context, c desk.Caller) error {
			_, err := r.desk.Decide(ctx, c, r.ask("ada", desk.Wish{Resource: "staging"}), desk.Word{Comment: "no"})
			return err
		}},
		{"review", desk.Approve, func(ctx context.Context, c desk.Caller) error {
			_, err := r.desk.Review(ctx, c, r.ask("ada", desk.Wish{Resource: "staging", BreakGlass: true}), true, "fine", 0)
			return err
		}},
		{"release", desk.Admin, func(ctx context.Context, c desk.Caller) error {
			_, err := r.desk.Release(ctx, c, "sha256:00", "CHG-1")
			if access.KindOf(err) == access.NotFound { // nothing is held
				return nil
			}
			return err
		}},
		{"revoke another token", desk.Admin, func(ctx context.Context, c desk.Caller) error {
			err := r.desk.RevokeToken(ctx, c, "tother")
			if access.KindOf(err) == access.NotFound {
				return nil
			}
			return err
		}},
		{"make a token", "", func(ctx context.Context, c desk.Caller) error {
			_, _, err := r.desk.NewToken(ctx, c, "x", "", []desk.Scope{desk.Read}, time.Hour)
			return err
		}},
	} {
		for _, scope := range []desk.Scope{desk.Read, desk.Request, desk.Approve, desk.Admin} {
			err := x.act(t.Context(), desk.Caller{Actor: access.Actor{Person: at("olga"), Via: access.API}, Scopes: []desk.Scope{scope}, Token: "tmine"})
			if (err == nil) != (scope == x.need) || err != nil && access.KindOf(err) != access.Forbidden {
				t.Errorf("%s with %s alone: %v", x.name, scope, err)
			}
			if err != nil && x.need != "" && !strings.Contains(err.Error(), string(x.need)) {
				t.Errorf("%s with %s alone: it does not name what is missing: %v", x.name, scope, err)
			}
			for _, name := range []string{"ada", "olga"} {
				views, _, err := r.desk.Mine(t.Context(), as(name))
				if err != nil {
					t.Fatal(err)
				}
				for _, v := range views {
					r.over(v.ID)
				}
			}
		}
	}
}
