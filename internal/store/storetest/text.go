package storetest

import (
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// anyText: what directories call things is bytes, and comes back as it was.
func anyText(t *testing.T, w World) {
	for _, text := range []string{
		"", "\x00", "a\x00b", "\xff\xfe", "\xed\xa0\x80", "ä\xc3", "\ufdd0", "\ufdd000", "\ufdd0\ufdd0zz", "\ufffd", "'; --", `\x00`, "\u2028\U0010ffff", "\r\n\t\x1b",
	} {
		g := engine.Group{Directory: engine.Directory("corp" + text), ID: engine.GroupID("g" + text)}
		o := owned(g, engine.MemberID("m"+text))
		o.GroupName, o.Member.Login, o.Member.Ref, o.Person = text, text, text, engine.Person(text)
		notice := engine.Notice{Membership: o.Key(), At: Start()}
		reading := engine.Reading{Group: g, Name: text, At: Start()}
		record(t, w.Ledger, engine.Batch{Put: []engine.Owned{o}, Notice: []engine.Notice{notice}, Readings: []engine.Reading{reading}})
		equal(t, "page", page(t, w.Ledger, g), engine.Page{
			Owned: []engine.Owned{o}, Reading: &reading,
			Noticed: map[engine.MemberID]time.Time{o.Member.ID: Start()},
		})
		groups, err := w.Ledger.Groups(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "groups", groups, []engine.LedgerGroup{{Group: g, Name: text, Entries: 1}})
		k := engine.Known{
			Directory: g.Directory, Mark: engine.Mark(text),
			Groups:   map[string]engine.GroupInfo{"g" + text: {ID: g.ID, Name: text, Unmanageable: text}},
			Accounts: map[engine.Person]engine.Member{engine.Person("p" + text): {ID: o.Member.ID, Login: text}},
			Told:     map[engine.GroupID]time.Time{g.ID: Start()},
		}
		record(t, w.Ledger, engine.Batch{
			Delete: []engine.Membership{o.Key()}, Unnotice: []engine.Membership{o.Key()}, Known: []engine.Known{k},
		})
		equal(t, "known", known(t, w.Ledger, g.Directory), k)
		equal(t, "deleted", page(t, w.Ledger, g), engine.Page{Reading: &reading})
	}
}
