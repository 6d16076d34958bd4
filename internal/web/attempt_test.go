package web_test

import (
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/daypass-dev/daypass/internal/desk"
)

// TestWhatIsWrongLeadsToItsField: a form of a request that was sent in vain
// comes back with what was typed, and with a link to the field that is wrong.
func TestWhatIsWrongLeadsToItsField(t *testing.T) {
	t.Parallel()
	r := open(t)
	waits, given := r.ask("ada", desk.Wish{Resource: "prod"}), r.approved("ada", desk.Wish{Resource: "staging"})
	burns := r.ask("eve", desk.Wish{Resource: "staging", BreakGlass: true})
	for _, try := range []struct {
		who, path, field, value, says string
		pairs                         []string
	}{
		{"bob", waits + "/deny", "comment", "", "Say why it is denied", []string{"step", "0", "extension", "0"}},
		{"bob", waits + "/approve", "comment", "odd\u2066", "not to be seen", []string{"step", "0", "extension", "0"}},
		{"bob", burns + "/review", "comment", "odd\u2066", "not to be seen", []string{"verdict", "justified"}},
		{"ada", given + "/extend", "for", "soon", "Write the length", []string{"reason", "more"}},
		{"ada", given + "/extend", "reason", "odd\u2066", "not to be seen", []string{"for", "1h"}},
		{"olga", given + "/end", "comment", "", "Say why it is ended", nil},
		{"ada", given + "/end", "comment", "odd\u2066", "not to be seen", nil},
	} {
		a := r.by(try.who).post("/requests/"+try.path, append(try.pairs, try.field, try.value)...).want(t, http.StatusUnprocessableEntity, try.says)
		link := regexp.MustCompile(`(?s)role="alert".*?<a href="#([^"]+)">`).FindStringSubmatch(a.body)
		if link == nil {
			t.Errorf("%s: no link leads to the field: %s", try.path, a.text())
			continue
		}
		field := regexp.MustCompile(fmt.Sprintf(`<(?:input|textarea)[^>]* id="%s"[^>]*>[^<]*`, link[1])).FindString(a.body)
		for _, want := range []string{`name="` + try.field + `"`, `aria-invalid="true"`, html.EscapeString(try.value)} {
			if !strings.Contains(field, want) {
				t.Errorf("%s: the link leads to %q, which has no %s", try.path, field, want)
			}
		}
	}
	// Who came from the inbox goes back to it, once the form is right.
	back := r.by("bob").post("/requests/"+waits+"/deny", "step", "0", "extension", "0", "back", "/approve")
	if !strings.Contains(back.body, `name="back" value="/approve"`) {
		t.Error("the form does not know any more that it comes from the inbox")
	}
}
