package storetest

import (
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

func knownReplaces(t *testing.T, w World) {
	none := known(t, w.Ledger, "corp")
	equal(t, "known of an unknown directory", none, engine.Known{Directory: "corp"})

	first := engine.Known{
		Directory: "corp", Mark: "m1", Whole: Start(),
		Groups:   map[string]engine.GroupInfo{"prod-db": {ID: "g1", Name: "prod-db", Unmanageable: "a rule fills it"}},
		Accounts: map[engine.Person]engine.Member{"ada@example.org": {ID: "m1", Login: "ada"}},
		Told:     map[engine.GroupID]time.Time{"g1": Start()},
	}
	other := engine.Known{Directory: "okta", Mark: "m2"}
	record(t, w.Ledger, engine.Batch{Known: []engine.Known{first, other}})
	equal(t, "known", known(t, w.Ledger, "corp"), first)

	second := engine.Known{Directory: "corp", Mark: "m3"}
	record(t, w.Ledger, engine.Batch{Known: []engine.Known{second}})
	equal(t, "known again", known(t, w.Ledger, "corp"), second)
	equal(t, "known of the other", known(t, w.Ledger, "okta"), other)
}

func known(t *testing.T, l engine.Ledger, d engine.Directory) engine.Known {
	t.Helper()
	k, err := l.Known(t.Context(), d)
	if err != nil {
		t.Fatalf("known %s: %v", d, err)
	}
	return k
}

func listingHoldsUntilUnlisted(t *testing.T, w World) {
	g1, g2, far := group(1), group(2), engine.Group{Directory: "okta", ID: group(1).ID}
	equal(t, "no listing", listing(t, w.Ledger, g1), nil)

	ms := []engine.Member{{ID: "a", Login: "ada", Ref: "uid=ada"}, {ID: "b", Kind: engine.GroupMember}, {ID: "ü\x00", Login: "\n"}}
	l1 := engine.Listing{Group: g1, Read: Start(), Members: ms}
	l2 := engine.Listing{Group: g2, Read: Start().Add(time.Second)} // of an empty group
	l3 := engine.Listing{Group: far, Read: Start(), Members: ms[:1]}
	record(t, w.Ledger, engine.Batch{Listings: []engine.Listing{l1, l2, l3}})
	equal(t, "listing", listing(t, w.Ledger, g1), &l1)
	equal(t, "empty listing", listing(t, w.Ledger, g2), &l2)

	newer := engine.Listing{Group: g1, Read: Start().Add(time.Hour), Members: ms[1:]}
	record(t, w.Ledger, engine.Batch{Unlist: []engine.Group{g1, g2, group(9)}, Listings: []engine.Listing{newer}})
	equal(t, "forgotten and put in one batch", listing(t, w.Ledger, g1), &newer)
	equal(t, "forgotten", listing(t, w.Ledger, g2), nil)

	record(t, w.Ledger, engine.Batch{UnlistAll: []engine.Directory{g1.Directory}, Listings: []engine.Listing{l2}})
	equal(t, "forgotten with its directory", listing(t, w.Ledger, g1), nil)
	equal(t, "put after that", listing(t, w.Ledger, g2), &l2)
	equal(t, "of another directory", listing(t, w.Ledger, far), &l3)
}

func listing(t *testing.T, l engine.Ledger, g engine.Group) *engine.Listing {
	t.Helper()
	found, err := l.Listing(t.Context(), g)
	if err != nil {
		t.Fatalf("listing %v: %v", g, err)
	}
	return found
}
