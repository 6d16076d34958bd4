package report_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/schedule"
)

var now = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// at is an instant so many hours from now.
func at(hours float64) time.Time { return now.Add(time.Duration(hours * float64(time.Hour))) }

// group starts a view of corp/name.
func group(name string) *engine.GroupView {
	return &engine.GroupView{
		Group: engine.Group{Directory: "corp", ID: engine.GroupID("id-" + name)}, Name: name,
		Rules: engine.DefaultRules(), Trust: engine.Trusted,
	}
}

func account(login string) engine.Member {
	return engine.Member{ID: engine.MemberID("u-" + login), Login: login}
}

func person(login string) engine.Person { return engine.Person(login + "@example.org") }

// there puts members into the group.
func there(v *engine.GroupView, logins ...string) {
	for _, l := range logins {
		v.Members = append(v.Members, account(l))
	}
	engine.SortMembers(v.Members)
}

// wish adds a grant in force.
func wish(v *engine.GroupView, login string, until time.Time, reason string) {
	v.Wishes = append(v.Wishes, engine.Wish{Member: account(login), Grant: grant(v, login, until, reason)})
}

// wishFails adds a grant in force whose account is not certain.
func wishFails(v *engine.GroupView, login string, kind engine.Kind, text string) {
	w := engine.Wish{Grant: grant(v, login, at(4), "CHG-7"), Err: &engine.Error{Op: "corp: resolve " + login, Kind: kind, Err: errors.New(text)}}
	v.Wishes = append([]engine.Wish{w}, v.Wishes...)
}

func grant(v *engine.GroupView, login string, until time.Time, reason string) *engine.Grant {
	return &engine.Grant{
		ID: engine.GrantID("g-" + login), Person: person(login), Reason: reason,
		Group: engine.GroupRef{Directory: v.Group.Directory, Name: v.Name}, When: schedule.Window{Until: until},
	}
}

// owned adds a membership of ours by a grant until then.
func owned(v *engine.GroupView, login string, until time.Time) {
	v.Owned = append(v.Owned, engine.Owned{
		Group: v.Group, GroupName: v.Name, Member: account(login), Person: person(login), State: engine.Added,
		Anchors: []engine.Anchor{{Grant: engine.GrantID("g-" + login), Until: until}}, Since: at(-30), Confirmed: at(-30),
	})
}

// justRemoved is a removal that the directory took: what it lists is older,
// and has the removal laid over it.
func justRemoved(v *engine.GroupView) {
	v.Read, v.Grace = now, 2*time.Minute
	v.Owned[0].State, v.Owned[0].Wrote, v.Owned[0].Gone = engine.Removed, at(-0.01), at(-0.01)
}

// result decides the views as a look at them would, without a run.
func result(run engine.Limits, vs ...*engine.GroupView) engine.Result {
	v := engine.View{Now: now}
	for _, g := range vs {
		v.Groups = append(v.Groups, *g)
	}
	p := engine.Diff(v).Limited(run, engine.OnHold{})
	return engine.Result{Started: now, Ended: now.Add(2 * time.Second), Plan: p}
}

// busy is a day on which a bit of everything happens.
func busy() []*engine.GroupView {
	db := group("prod-db")
	there(db, "bob", "eli", "root", "svc-backup")
	wish(db, "ada", at(8), "CHG-1234 migrate billing")
	owned(db, "bob", at(-2))
	wish(db, "cyd", at(30*24), "on call")
	owned(db, "cyd", at(30*24))
	owned(db, "eli", at(100))
	owned(db, "fay", at(-1))
	wishFails(db, "gus", engine.NotFound, "no such account")

	ops := group("ops")
	there(ops, "dee", "lead")
	wish(ops, "dee", at(2), "INC-9 the long story of a disk that filled up twice in a night, and of those who were called")
	wish(ops, "alexandra.konstantinopoulou-featherstonehaugh", at(1.25), "INC-9")

	down := group("legacy")
	down.Trust, down.Note = engine.Unread, "corp: list legacy: connection refused"
	owned(down, "hal", at(-5))
	return []*engine.GroupView{ops, db, down}
}

// late adds the overdue removals of a result.
func late(res engine.Result, err string) engine.Result {
	for _, c := range res.Plan.Changes {
		if c.Op == engine.Remove && c.Why.Agreed() && now.Sub(c.Until) > time.Hour {
			res.Overdue = append(res.Overdue, engine.Late{
				Directory: c.Directory, Group: c.Group, Member: c.Member, Person: c.Person, Grant: c.Grant,
				Due: c.Until, Lag: now.Sub(c.Until), Error: err,
			})
		}
	}
	return res
}

// heldBack is a group of nine of which five would go unexplained.
func heldBack() []*engine.GroupView {
	v := group("finance")
	for i := range 9 {
		login := fmt.Sprintf("user%d", i)
		there(v, login)
		if i < 5 {
			owned(v, login, at(200))
		}
	}
	wish(v, "ada", at(8), "CHG-1")
	shrunk := group("shrunk")
	there(shrunk, "one")
	shrunk.Trust, shrunk.Lost, shrunk.Note = engine.Doubtful, 39, "reads as 1 members where it had 40"
	return []*engine.GroupView{v, shrunk}
}

// crowded has more foreign members than anybody reads.
func crowded() []*engine.GroupView {
	var vs []*engine.GroupView
	for g := range 23 {
		v := group(fmt.Sprintf("team-%02d", g))
		for i := range 9 + g%5 {
			there(v, fmt.Sprintf("person-%02d-%02d", g, i))
		}
		vs = append(vs, v)
	}
	vs[0].Rules.Foreign = engine.ForeignRemove
	vs[0].Noticed = map[engine.MemberID]time.Time{"u-person-00-00": at(-25), "u-person-00-01": at(-20)}
	vs[1].Members[0].Kind = engine.GroupMember
	vs[1].Members[1].Kind = engine.OtherMember
	vs[1].Members[2].ID, vs[1].Members[2].Ref = "uid=person-01-02,ou=people,dc=example,dc=org", "uid=person-01-02,ou=people,dc=example,dc=org"
	engine.SortMembers(vs[1].Members)
	return vs
}

// ending is a group in which the directory ends memberships too.
func ending() []*engine.GroupView {
	v := group("prod-db")
	v.Rules.Expire, v.Expirer = true, true
	v.Read, v.Expiries = now, map[engine.MemberID]time.Time{}
	ends := func(login string, until, end time.Time) {
		owned(v, login, until)
		o := &v.Owned[len(v.Owned)-1]
		o.Expires, o.Asked = end, end
		if end.After(now) {
			v.Expiries[o.Member.ID] = end
		}
	}
	there(v, "bob", "cyd", "dee", "eli")
	wish(v, "ada", at(8), "CHG-1234")
	wish(v, "bob", at(8), "INC-9")
	ends("bob", at(2), at(2))
	wish(v, "cyd", at(2), "")
	ends("cyd", at(2), at(6))
	wish(v, "dee", at(4), "")
	ends("dee", at(4), at(4))
	v.Expiries["u-dee"] = at(40)
	wish(v, "eli", at(3), "")
	ends("eli", at(3), at(3))
	ends("fay", at(-3), at(-3))
	wish(v, "gus", at(3), "")
	ends("gus", at(-1), at(-1))
	cannot := group("legacy")
	cannot.Rules.Expire = true
	wish(cannot, "ada", at(8), "")
	owned(cannot, "ada", at(8))
	there(cannot, "ada")
	return []*engine.GroupView{v, cannot}
}

// odd has names that would like to be something else.
func odd() []*engine.GroupView {
	v := group("a\u202egnp.exe\u202c\n+ forged line")
	there(v, "\x1b[31mred\x1b[0m", "tab\there", "日本語の名前", "null\x00byte", "zero\u200bwidth", "broken\xff", "=cmd|' /C calc'!A0", "שלום")
	wish(v, "new\r\n- root  removed", at(1), "because\n\x1b[2Jof \u2066this")
	owned(v, "日本語の名前", at(-0.01))
	return []*engine.GroupView{v}
}
