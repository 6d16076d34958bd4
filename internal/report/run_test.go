package report_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/report"
)

// ran is the result of a run that carried the plan out, but for those whose
// login is in failed.
func ran(res engine.Result, failed ...string) engine.Result {
	res.Run = "r20261123T090000.000Z-00c0ffee"
	res.Counts.Groups = len(res.Plan.Groups)
	for _, c := range res.Plan.Changes {
		switch {
		case c.Held:
			res.Counts.Held++
		case contains(failed, c.Member.Login):
			res.Counts.Failed++
			res.Failures = append(res.Failures, engine.Failure{Change: c, Kind: engine.Unavailable, Error: "corp: " + string(c.Op) + " " + c.Member.Login + ": connection reset by peer"})
		case c.Op == engine.Add:
			res.Counts.Added++
		case c.Op == engine.Remove:
			res.Counts.Removed++
		case c.Op == engine.Expire:
			res.Counts.Moved++
		case !c.Expires.IsZero():
			res.Counts.Lapsed++
		default:
			res.Counts.Forgot++
		}
	}
	for _, g := range res.Plan.Groups {
		res.Counts.Members += g.Members
	}
	res.Counts.Problems, res.Counts.Foreign = len(res.Plan.Problems), len(res.Plan.Foreign)
	return res
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func TestRun(t *testing.T) {
	t.Parallel()
	run := engine.DefaultLimits()
	tight := run
	tight.Add = 1
	failed := ran(result(run, busy()...), "hal", "cyd")
	failed = late(failed, "corp: remove hal: connection reset by peer")
	failed.Overdue = failed.Overdue[:1]
	failed.Counts.Overdue = 1
	failed.GrantsErr = errors.New("grants/ops.yaml:12:3: unknown key \"persn\"")
	released := ran(result(run, busy()...))
	released.Release = &engine.Release{Digest: "sha256:00", By: "root", Reason: "spring cleaning", At: at(-1), Expires: at(23)}
	stopped := result(run, busy()...)
	ends := ran(result(run, ending()...), "cyd")
	ends.Findings = []engine.Problem{{Kind: engine.SessionsNotEnded, Directory: "corp", Group: "prod-db", Person: person("fay"), Message: "corp: end the sessions of fay: denied; fay is out of the group, and what was issued before may still name it until it expires"}}
	calm := group("calm")
	there(calm, "ada")
	wish(calm, "ada", at(8), "")
	owned(calm, "ada", at(8))
	for name, res := range map[string]engine.Result{
		"run-done":     ran(result(run, busy()...)),
		"run-failed":   failed,
		"run-held-all": ran(result(tight, append(busy(), heldBack()...)...)),
		"run-held":     ran(result(run, heldBack()...)),
		"run-stopped":  stopped,
		"run-ends":     ends,
		"run-calm":     ran(result(run, calm)),
		"run-odd":      ran(result(run, odd()...)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden(t, name, func(b *bytes.Buffer) error { return report.Run(b, res, report.Options{}) })
		})
	}
	for name, res := range map[string]engine.Result{"runjson-failed": failed, "runjson-ends": ends, "runjson-calm": ran(result(run, calm)), "runjson-released": released} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden(t, name, func(b *bytes.Buffer) error { return report.RunJSON(b, res) })
		})
	}
	golden(t, "planjson-odd", func(b *bytes.Buffer) error { return report.PlanJSON(b, result(run, odd()...)) })
}
