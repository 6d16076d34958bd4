package sources

import (
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/schedule"
)

// The hours of a week, in the three ways of writing them.
func TestWeeklyForms(t *testing.T) {
	t.Parallel()
	want, err := schedule.ParseWeekly("mon-wed,fri 22:00-06:00 Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	head := "grants:\n  - {person: a@b.c, group: corp/web, until: 2026-01-01T00:00:00Z, weekly: "
	for _, form := range []string{
		`"mon-wed,fri 22:00-06:00 Europe/Berlin"`,
		`{days: [mon, tue, Wednesday, fri], from: "22:00", until: "06:00", zone: Europe/Berlin}`,
		`{zone: Europe/Berlin, days: "fri,mon-wed", until: "06:00", from: "22:00"}`,
	} {
		gs, err := folder(t, map[string]string{"grants/x.yaml": head + form + "}\n"}).Grants(t.Context())
		if err != nil || len(gs) != 1 || !gs[0].When.Weekly.Equal(want) {
			t.Errorf("%s: got %+v and error %v, want %s", form, gs, err, want)
		}
	}
}

func TestWeeklyMistakes(t *testing.T) {
	t.Parallel()
	head := "grants:\n  - {person: a@b.c, group: corp/web, until: 2026-01-01T00:00:00Z, weekly: "
	for form, want := range map[string]string{
		`{days: [mon], from: "09:00", until: "17:00"}`: "weekly.zone is missing",
		`{days: [mon], from: "09:00", zone: UTC}`:      "weekly.until is missing",
		`{}`: "weekly.days is missing",
		`{days: {mon: 1}, from: "09:00", until: "17:00", zone: UTC}`:           "weekly.days must be a list of days",
		`{days: [[mon]], from: "09:00", until: "17:00", zone: UTC}`:            "weekly.days must be a list of days",
		`{days: [mon], from: [9], until: "17:00", zone: UTC}`:                  "weekly.from must be text",
		`{days: [mon], from: "09:00", to: "17:00", zone: UTC}`:                 `unknown key "to" in weekly`,
		`{days: [mon], from: "09:00", from: "10:00", until: 17:00, zone: UTC}`: "weekly.from is written twice",
		`{days: [], from: "09:00", until: "17:00", zone: UTC}`:                 "is not days, hours and a zone",
		`[mon]`: "weekly must be text",
	} {
		_, err := folder(t, map[string]string{"grants/x.yaml": head + form + "}\n"}).Grants(t.Context())
		if got := messages(err); len(got) != 1 || !strings.Contains(got[0], want) || !strings.HasPrefix(got[0], "grants/x.yaml:2:") {
			t.Errorf("%s: got %q, want one with %q", form, got, want)
		}
	}
}

// Two shifts of one person for one reason are two grants; the same one written
// twice is not.
func TestWeeklyIsPartOfTheWish(t *testing.T) {
	t.Parallel()
	line := func(hours string) string {
		return "  - {person: a@b.c, group: corp/web, until: 2026-01-01T00:00:00Z, weekly: " + hours + "}\n"
	}
	files := map[string]string{"grants/x.yaml": "grants:\n" + line("mon 09:00-17:00 UTC") + line("tue 09:00-17:00 UTC")}
	gs, err := folder(t, files).Grants(t.Context())
	if err != nil || len(gs) != 2 || gs[0].ID == gs[1].ID {
		t.Errorf("two shifts: got %+v and error %v", gs, err)
	}
	at := time.Date(2025, 11, 24, 10, 0, 0, 0, time.UTC) // a Monday
	if len(gs) == 2 && (gs[0].When.Active(at) == gs[1].When.Active(at)) {
		t.Errorf("on a Monday both are in force: %t", gs[0].When.Active(at))
	}
	files["grants/x.yaml"] += line("tue 09:00-17:00 UTC")
	if _, err := folder(t, files).Grants(t.Context()); err == nil {
		t.Error("the same one twice: got no error")
	}
}
