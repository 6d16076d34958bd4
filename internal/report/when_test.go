package report_test

import (
	"testing"
	"time"

	"github.com/daypass-dev/daypass/internal/report"
)

func TestWhen(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		t    time.Time
		want string
	}{
		{time.Time{}, ""},
		{now, "2026-11-23T09:00Z, now"},
		{now.Add(36 * time.Second), "2026-11-23T09:00:36Z, in 36 s"},
		{now.Add(-7 * time.Minute), "2026-11-23T08:53Z, 7 min ago"},
		{at(1), "2026-11-23T10:00Z, in 1 h"},
		{at(1.4), "2026-11-23T10:24Z, in 84 min"},
		{at(-1.6), "2026-11-23T07:24Z, 2 h ago"},
		{at(8).Add(-time.Second), "2026-11-23T16:59:59Z, in 8 h"},
		{at(47), "2026-11-25T08:00Z, in 47 h"},
		{at(48), "2026-11-25T09:00Z, in 2 days"},
		{at(-24 * 400), "2025-10-19T09:00Z, 400 days ago"},
		{now.AddDate(5, 0, 0), "2031-11-23T09:00Z, in 5 years"},
		{time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), "9999-12-31T23:59:59Z, in over 200 years"},
		{at(1).In(time.FixedZone("", 3600)), "2026-11-23T10:00Z, in 1 h"},
	} {
		if got := report.When(x.t, now); got != x.want {
			t.Errorf("When(%v) = %q, want %q", x.t, got, x.want)
		}
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"ada": "ada", "Åsa Öberg": "Åsa Öberg", "日本": "日本", `CORP\ada`: `CORP\ada`,
		"a\nb\t\r": `a\nb\t\r`, "\x1b[31m": `\x1b[31m`, "a\u202eb": `a\u202eb`, "\u200b": `\u200b`, "\xff": `\xff`,
		"a\u00a0b": `a\u00a0b`, "\ufeffx": `\ufeffx`, "\u3164": `\u3164`, "\U000e0041": `\U000e0041`, "\u009b": `\u009b`, "\ufffd": "\ufffd",
	} {
		if got := report.Clean(in); got != want {
			t.Errorf("Clean(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestCell(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"ada": "ada", "": "", "=1": "'=1", "  +1": "'  +1", "-x": "'-x", "@x": "'@x", "＝1": "'＝1",
		"\t=1": `\t=1`, "\r=1": `\r=1`, "a=1": "a=1", "'=1": "'=1",
	} {
		if got := report.Cell(in); got != want {
			t.Errorf("Cell(%q) = %q, want %q", in, got, want)
		}
	}
}
