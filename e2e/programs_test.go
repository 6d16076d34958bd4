package e2e_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/daypass-dev/daypass/e2e/browser"
	"github.com/daypass-dev/daypass/e2e/daypass"
	"github.com/daypass-dev/daypass/e2e/provider"
)

// token is what the page shows once.
var token = regexp.MustCompile(`shown this once: (\S+)`)

func TestProgramsAskAndWait(t *testing.T) {
	t.Parallel()
	p := plain()
	p.people = append(p.people, "deploy")
	p.groups["release"] = nil
	p.rules = strings.Replace(p.rules, "policies:\n", `  release: {title: Release, groups: [corp/release], policy: pipelines}
machines:
  deploy: {person: deploy@lab.test, issuer: $CI, audience: daypass, claims: {repository: acme/shop, ref: refs/heads/main}}
policies:
  pipelines: {ask: {machines: [deploy]}, max: 1h, default: 15m, auto: "true"}
`, 1)
	h := newHouse(t, p)

	// A token that a person makes on the page.
	ada := h.signedIn("ada", "/tokens")
	ada.Fill("What is it for?", "my <script> at home")
	ada.Tick("ask, extend and give back")
	ada.Press("Make the token")
	found := token.FindStringSubmatch(ada.Text())
	if found == nil {
		t.Fatalf("there is no token on the page: %s", ada.Text())
	}
	look(t, ada, "tokens")
	ada.Visit(h.URL + "/tokens")
	ada.SeesNot(found[1])
	mine := h.With("DAYPASS_URL="+h.URL, "DAYPASS_TOKEN="+found[1])
	ken := h.signedIn("ken", "/approve")
	asks := func(then func(*browser.Page)) daypass.Result {
		t.Helper()
		result := make(chan daypass.Result)
		go func() {
			result <- mine.Run("request", "--resource", "staging", "--for", "1h", "--reason", "from a script", "--wait")
		}()
		ken.Visit(h.URL + "/approve")
		ken.SeesInTime("from a script")
		then(ken)
		return <-result
	}
	denied := asks(func(ken *browser.Page) {
		ken.Fill("Comment", "Not on a Friday")
		ken.Press("Deny Staging")
	})
	if denied.Code != 6 || !strings.Contains(denied.Stderr, "Not on a Friday") {
		t.Errorf("denied: exit code %d\n%s%s", denied.Code, denied.Stdout, denied.Stderr)
	}
	approved := asks(func(ken *browser.Page) { ken.Press("Approve Staging") })
	if approved.Code != 0 {
		t.Errorf("approved: exit code %d\n%s%s", approved.Code, approved.Stdout, approved.Stderr)
	}
	h.isIn("staging", "ada") // at once: it returned when she was
	ada.Visit(h.URL + "/mine")
	ada.Press("Give back")
	h.isIn("staging")
	if late := mine.Run("request", "--resource", "staging", "--reason", "nobody looks", "--wait", "--timeout", "2s"); late.Code != 7 {
		t.Errorf("with nobody deciding: exit code %d\n%s%s", late.Code, late.Stdout, late.Stderr)
	}
	ada.Visit(h.URL + "/tokens")
	ada.Press("Revoke")
	ada.Sees("The token is revoked.")
	if revoked := mine.Run("request", "--resource", "staging", "--reason", "once more"); revoked.Code == 0 {
		t.Error("a revoked token still asks")
	}

	// A pipeline, by the token of its own system, in one line.
	claims := provider.Claims{"aud": "daypass", "sub": "repo:acme/shop", "repository": "acme/shop", "ref": "refs/heads/main"}
	run := func(token string) daypass.Result {
		return h.With("DAYPASS_URL="+h.URL, "DAYPASS_TOKEN="+token).Run("request", "--resource", "release", "--reason", "deploy 1234", "--wait")
	}
	if got := run(h.ci.Token(claims)); got.Code != 0 {
		t.Errorf("the pipeline: exit code %d\n%s%s", got.Code, got.Stdout, got.Stderr)
	}
	h.isIn("release", "deploy")
	claims["ref"] = "refs/heads/other"
	if got := run(h.ci.Token(claims)); got.Code == 0 {
		t.Errorf("another branch may as well:\n%s", got.Stdout)
	}
}
