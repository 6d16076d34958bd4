//go:build bench

package beds_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/internal/beds"
)

// The data of the benchmark: 1,000,000 memberships.
const (
	benchPeople  = 100_000
	benchGroups  = 5_000
	benchMembers = 200
	benchChanges = 4 // in each group
	benchRounds  = 3
	benchBase    = "dc=lab,dc=test"
)

// TestBench measures whole processes against the smallest client that does the
// same on the same server in the same run, and prints a table. It is run by
// scripts/bench.sh, with bin/daypass built.
func TestBench(t *testing.T) {
	b := newBench(t)
	b.row("job", "wall s (min..max)", "peak MiB", "ratio")

	search := b.measure("ldapsearch: groups and people", nil, b.ldapsearch)
	b.measure("daypass plan, nothing to do", search, b.plan)
	b.measure("python-ldap: read, diff", search, b.rival(false))

	b.modify(b.adds)
	b.modify(b.removes) // warm
	ldapmodify := b.measureBack("ldapmodify: 20,000 adds, 5,000 modifies", nil, func() (*exec.Cmd, io.Reader) { return b.ldapmodify(b.adds) }, func() { b.modify(b.removes) })
	b.write("daypass.yaml", b.config("grants: [grants.csv]\n"))
	b.forget()
	b.measureBack("daypass sync: 20,000 adds", ldapmodify, b.sync, b.reset)
	cmd, _ := b.sync()
	if err := cmd.Run(); err != nil {
		b.t.Fatal(err)
	}
	b.phases(ldapmodify)
	b.reset()
	b.measureBack("python-ldap: read, diff, 1 % changes", ldapmodify, b.rival(true), func() { b.modify(b.removes) })
}

type bench struct {
	t             *testing.T
	dir           string
	daypass       string
	slapd         *beds.SlapdServer
	adds, removes string // LDIF
}

func newBench(t *testing.T) *bench {
	daypass, err := filepath.Abs("../../bin/daypass")
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, dir: t.TempDir(), daypass: daypass}
	b.slapd = beds.Slapd(t, beds.SlapdOptions{
		Durable: true, Quiet: true,
		Index:    []string{"cn,uid,mail eq"},
		Database: []string{"maxsize 8589934592"},
	})
	start := time.Now()
	b.slapd.Stop()
	b.slapd.Load(b.ldif())
	b.slapd.Restart()
	t.Logf("loaded %d people, %d groups x %d members in %s; slapd with fsync, no member index, no overlays",
		benchPeople, benchGroups, benchMembers, time.Since(start).Round(time.Second))
	b.write("daypass.yaml", b.config(""))
	return b
}

func uid(n int) string  { return fmt.Sprintf("u%07d", n) }
func dnOf(n int) string { return "uid=" + uid(n) + ",ou=people," + benchBase }

// member is the k-th member of group g; those from benchMembers on are not in.
func member(g, k int) int { return (g*7919 + k*((g%97)*2+1)) % benchPeople }

func (b *bench) ldif() string {
	var s, add, del strings.Builder
	for i := range benchPeople {
		fmt.Fprintf(&s, "dn: %s\nobjectClass: inetOrgPerson\nuid: %s\ncn: User %d\nsn: %d\nmail: %s@lab.test\n\n", dnOf(i), uid(i), i, i, uid(i))
	}
	csv := new(strings.Builder)
	csv.WriteString("person,group,until,reason\n")
	until := time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339)
	for g := range benchGroups {
		fmt.Fprintf(&s, "dn: cn=g%05d,ou=groups,%s\nobjectClass: groupOfNames\ncn: g%05d\n", g, benchBase, g)
		for k := range benchMembers {
			fmt.Fprintf(&s, "member: %s\n", dnOf(member(g, k)))
		}
		s.WriteByte('\n')
		fmt.Fprintf(&add, "dn: cn=g%05d,ou=groups,%s\nchangetype: modify\nadd: member\n", g, benchBase)
		fmt.Fprintf(&del, "dn: cn=g%05d,ou=groups,%s\nchangetype: modify\ndelete: member\n", g, benchBase)
		for k := range benchChanges {
			m := member(g, benchMembers+k)
			fmt.Fprintf(&add, "member: %s\n", dnOf(m))
			fmt.Fprintf(&del, "member: %s\n", dnOf(m))
			fmt.Fprintf(csv, "%s@lab.test,corp/g%05d,%s,bench\n", uid(m), g, until)
		}
		add.WriteString("-\n\n")
		del.WriteString("-\n\n")
	}
	b.adds, b.removes = add.String(), del.String()
	b.write("grants.csv", csv.String())
	return s.String()
}

func (b *bench) config(more string) string {
	var s strings.Builder
	fmt.Fprintf(&s, `version: 1
foreign: ignore
limits: {add: 1000000}
directories:
  corp:
    type: ldap
    url: %s
    bind: {dn: %q, password: "file:password"}
    people: {base: "ou=people,%s", match: "(mail={person})"}
    groups: {base: "ou=groups,%s"}
groups:
`, b.slapd.URL, b.slapd.AdminDN, benchBase, benchBase)
	for g := range benchGroups {
		fmt.Fprintf(&s, "  corp/g%05d: {}\n", g)
	}
	b.write("password", b.slapd.Password)
	return s.String() + more
}

func (b *bench) write(name, content string) {
	if err := os.WriteFile(filepath.Join(b.dir, name), []byte(content), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = b.dir
	return cmd
}

func (b *bench) ldapsearch() (*exec.Cmd, io.Reader) {
	script := fmt.Sprintf(`ldapsearch -x -LLL -H %[1]s -D %[2]s -w %[3]s -E pr=500/noprompt -b ou=people,%[4]s '(objectClass=inetOrgPerson)' uid mail entryUUID
ldapsearch -x -LLL -H %[1]s -D %[2]s -w %[3]s -E pr=500/noprompt -b ou=groups,%[4]s '(objectClass=groupOfNames)' cn member`,
		b.slapd.URL, b.slapd.AdminDN, b.slapd.Password, benchBase)
	return b.command("bash", "-c", script), nil
}

func (b *bench) ldapmodify(ldif string) (*exec.Cmd, io.Reader) {
	return b.command("ldapmodify", "-x", "-H", b.slapd.URL, "-D", b.slapd.AdminDN, "-w", b.slapd.Password), strings.NewReader(ldif)
}

func (b *bench) modify(ldif string) {
	cmd, in := b.ldapmodify(ldif)
	cmd.Stdin = in
	if out, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("ldapmodify: %v: %s", err, out[max(0, len(out)-500):])
	}
}

func (b *bench) plan() (*exec.Cmd, io.Reader) { return b.command(b.daypass, "plan"), nil }
func (b *bench) sync() (*exec.Cmd, io.Reader) { return b.command(b.daypass, "sync", "--json"), nil }

// reset takes the members out again, and the store's memory of them.
func (b *bench) reset() {
	b.modify(b.removes)
	b.forget()
}

func (b *bench) forget() {
	files, _ := filepath.Glob(filepath.Join(b.dir, "daypass.db*"))
	for _, f := range files {
		_ = os.Remove(f)
	}
}

func (b *bench) rival(change bool) func() (*exec.Cmd, io.Reader) {
	return func() (*exec.Cmd, io.Reader) {
		script, err := filepath.Abs("../../scripts/rival.py")
		if err != nil {
			b.t.Fatal(err)
		}
		b.write("changes.ldif", map[bool]string{true: b.adds}[change])
		return b.command("/usr/bin/python3", script, b.slapd.URL, b.slapd.AdminDN, b.slapd.Password, benchBase, "changes.ldif"), nil
	}
}

// sample is one finished process and its children.
type sample struct {
	wall time.Duration
	rss  float64 // MiB
}

func (b *bench) measure(name string, base []sample, job func() (*exec.Cmd, io.Reader)) []sample {
	return b.measureBack(name, base, job, func() {})
}

// measureBack runs the job a few times, each followed by its undoing, and
// prints a line with the ratio of the fastest to the fastest of base.
func (b *bench) measureBack(name string, base []sample, job func() (*exec.Cmd, io.Reader), undo func()) []sample {
	var ss []sample
	for range benchRounds {
		cmd, in := job()
		var stderr bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = in, io.Discard, &stderr
		start := time.Now()
		if err := cmd.Start(); err != nil {
			b.t.Fatal(err)
		}
		peak := watch(cmd.Process.Pid)
		if err := cmd.Wait(); err != nil {
			b.t.Fatalf("%s: %v: %s", name, err, stderr.String()[:min(stderr.Len(), 2000)])
		}
		ss = append(ss, sample{time.Since(start), float64(<-peak) / 1024})
		undo()
	}
	slices.SortFunc(ss, func(x, y sample) int { return cmp.Compare(x.wall, y.wall) })
	rss := slices.MaxFunc(ss, func(x, y sample) int { return cmp.Compare(x.rss, y.rss) }).rss
	ratio := "1.00"
	if base != nil {
		ratio = fmt.Sprintf("%.2f", ss[0].wall.Seconds()/base[0].wall.Seconds())
	}
	b.row(name, fmt.Sprintf("%.2f..%.2f", ss[0].wall.Seconds(), ss[len(ss)-1].wall.Seconds()), fmt.Sprintf("%.0f", rss), ratio)
	return ss
}

// watch returns the peak of a process or its children, in KiB, once it ended.
// The kernel's own account of a finished child is no use here: it begins with
// the memory of this process, which forked it.
func watch(pid int) <-chan int {
	out := make(chan int, 1)
	go func() {
		peak := 0
		for {
			now := resident(pid)
			if now < 0 {
				out <- peak
				return
			}
			peak = max(peak, now)
			time.Sleep(10 * time.Millisecond)
		}
	}()
	return out
}

// resident is the largest VmHWM of a process and its children; -1 when it ended.
func resident(pid int) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil || bytes.Contains(status, []byte("State:\tZ")) {
		return -1
	}
	peak := 0
	for line := range strings.Lines(string(status)) {
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &peak); err == nil {
			break
		}
	}
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, c := range strings.Fields(string(children)) {
		if n, err := strconv.Atoi(c); err == nil {
			peak = max(peak, resident(n))
		}
	}
	return peak
}

// phases prints how long the last run read, wrote and read back.
func (b *bench) phases(base []sample) {
	out, err := b.command(b.daypass, "audit", "log", "--json").Output()
	if err != nil {
		b.t.Fatal(err)
	}
	first, last := map[string]time.Time{}, map[string]time.Time{}
	for line := range bytes.Lines(out) {
		var r struct {
			Event struct {
				At   time.Time
				Kind string
			}
		}
		if err := json.Unmarshal(line, &r); err != nil {
			b.t.Fatal(err)
		}
		if first[r.Event.Kind].IsZero() {
			first[r.Event.Kind] = r.Event.At
		}
		last[r.Event.Kind] = r.Event.At
	}
	for _, p := range []struct {
		name     string
		from, to time.Time
	}{
		{"  of which reading and deciding", first["run-started"], first["intended"]},
		{"  of which writing (intend, act, settle)", first["intended"], last["happened"]},
		{"  of which reading back", last["happened"], last["run-ended"]},
	} {
		d := p.to.Sub(p.from).Seconds()
		b.row(p.name, fmt.Sprintf("%.2f", d), "", fmt.Sprintf("%.2f", d/base[0].wall.Seconds()))
	}
}

func (b *bench) row(cells ...string) {
	fmt.Printf("%-42s %18s %10s %8s\n", cells[0], cells[1], cells[2], cells[3])
}
