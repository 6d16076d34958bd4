package e2e_test

import "testing"

func TestTheHouseHasAConfigurationThatDaypassTakes(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{
		stopped: true,
		people:  []string{"ada", "ken"},
		groups:  map[string][]string{"staging": nil, "leads": {"ken"}},
		rules: `resources:
  staging: {title: Staging, groups: [corp/staging], policy: single}
policies:
  single:
    ask: {anyone: true}
    max: 8h
    default: 1h
    steps:
      - {name: lead, approvers: {groups: [corp/leads]}, within: 1d, then: deny}
machines:
  deploy: {person: deploy@lab.test, issuer: $CI, audience: daypass, claims: {repository: acme/shop}}
`,
	})
	if got := h.Run("check"); got.Code != 0 {
		t.Errorf("check: exit code %d\n%s%s", got.Code, got.Stdout, got.Stderr)
	}
}
