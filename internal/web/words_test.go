package web

import (
	"testing"
	"time"
)

func TestLengthsAreReadAsPeopleSayThem(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		time.Second: "1 second", 2 * time.Minute: "2 minutes", time.Hour: "1 hour", 90 * time.Minute: "90 minutes",
		8 * time.Hour: "8 hours", 150 * time.Minute: "2 hours 30 minutes", 24 * time.Hour: "1 day", 36 * time.Hour: "1 day 12 hours",
		61 * time.Second: "1 minute 1 second", 7 * 24 * time.Hour: "7 days",
	} {
		if got := span(d); got != want {
			t.Errorf("%v is read as %q, want %q", d, got, want)
		}
	}
}

func TestProseKeepsLinesAndHidesNothing(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"one\ntwo\tthree\x1b[0m\u202e": "one\ntwo three\\x1b[0m\\u202e",
		"می\u200cخواهم 👩\u200d🚒":       "می\u200cخواهم 👩\u200d🚒",
		"\u200fשלום!\u200e":            "\u200fשלום!\u200e",
		"\xff\n":                       "\\xff\n",
	} {
		if got := prose(text); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
