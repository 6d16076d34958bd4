package watch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
	"github.com/daypass-dev/daypass/schedule"
)

const monitoring = "../../examples/monitoring"

// busy is a watch that was told everything there is, so that it shows every
// metric.
func busy(t *testing.T) *world {
	t.Helper()
	w := newWorld(t).up()
	w.Granted([]engine.Grant{{When: schedule.Window{Until: noon.Add(time.Hour)}}}, nil)
	w.Reloaded(nil)
	w.Skew("store", time.Second)
	w.Queue(map[engine.Directory]int{"corp": 1})
	w.Requests("corp")(t.Context(), httpx.Sent{Method: "GET", Status: 200})
	res := failed(engine.Denied)
	res.Done = []engine.Done{{Change: removal}}
	res.Past = []engine.Past{pastAda}
	res.Plan.Problems = []engine.Problem{{Kind: engine.NoAccount}}
	w.full(res, nil)
	return w
}

// names returns the names of all metrics, with those that a histogram has.
func names(t *testing.T, w *world) map[string]bool {
	t.Helper()
	fs, err := w.meters.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]bool)
	for _, f := range fs {
		if f.GetMetric()[0].GetHistogram() == nil {
			all[f.GetName()] = true
			continue
		}
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			all[f.GetName()+suffix] = true
		}
	}
	return all
}

// metric is a name in an expression that can only be a metric's.
var metric = regexp.MustCompile(`\b(daypass|process|go)_[a-z_]+`)

// exist asserts that the metrics in an expression are ours.
func exist(t *testing.T, known map[string]bool, where, expr string) {
	t.Helper()
	found := metric.FindAllString(expr, -1)
	if len(found) == 0 && !strings.Contains(expr, "up{job=") {
		t.Errorf("%s: no metric in %q", where, expr)
	}
	for _, name := range found {
		if !known[name] {
			t.Errorf("%s: there is no metric %s", where, name)
		}
	}
}

// promtool runs it in a folder.
func promtool(t *testing.T, dir, stdin string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "promtool", args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s (make deps installs it): %v\n%s", strings.Join(args, " "), err, out)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestMetricsFollowTheConventions(t *testing.T) {
	t.Parallel()
	_, text := busy(t).get("/metrics")
	promtool(t, ".", text, "check", "metrics")
	for _, secret := range []string{"ada", "prod-db", "g1"} {
		if strings.Contains(text, `"`+secret) {
			t.Errorf("a label names %s", secret)
		}
	}
}

// docs/monitoring.md has a row for each metric, and none for others.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	page := read(t, "../../docs/monitoring.md")
	want := make(map[string]bool)
	for name := range names(t, busy(t)) {
		if strings.HasPrefix(name, "daypass_") && !strings.HasSuffix(name, "_sum") && !strings.HasSuffix(name, "_count") {
			want[strings.TrimSuffix(name, "_bucket")] = true
		}
	}
	have := make(map[string]bool)
	for _, m := range regexp.MustCompile("(?m)^\\| `(daypass_[a-z_]+)").FindAllStringSubmatch(page, -1) {
		have[m[1]] = true
	}
	if !maps.Equal(have, want) {
		t.Errorf("the page has rows for\n%q\nand there are\n%q", slices.Sorted(maps.Keys(have)), slices.Sorted(maps.Keys(want)))
	}
}

func TestAlertRulesHold(t *testing.T) {
	t.Parallel()
	promtool(t, monitoring, "", "check", "config", "prometheus.yml")
	promtool(t, monitoring, "", "test", "rules", "alerts_test.yml", "alerts_day_test.yml")
}

func TestAlertsAreAboutMetricsThatThereAre(t *testing.T) {
	t.Parallel()
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Labels      map[string]string
				Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, filepath.Join(monitoring, "alerts.yml"))), &file); err != nil {
		t.Fatal(err)
	}
	known := names(t, busy(t))
	tests := read(t, filepath.Join(monitoring, "alerts_test.yml")) + read(t, filepath.Join(monitoring, "alerts_day_test.yml"))
	page := read(t, "../../docs/monitoring.md")
	n := 0
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			n++
			exist(t, known, r.Alert, r.Expr)
			if r.Annotations["summary"] == "" || len(r.Annotations["description"]) < 80 {
				t.Errorf("%s does not say what is wrong and what to do", r.Alert)
			}
			if s := r.Labels["severity"]; s != "page" && s != "ticket" {
				t.Errorf("%s has severity %q", r.Alert, s)
			}
			if !strings.Contains(tests, `alertname="`+r.Alert+`"`) && !strings.Contains(tests, "alertname: "+r.Alert) {
				t.Errorf("%s never fires in a test", r.Alert)
			}
			if !strings.Contains(page, "`"+r.Alert+"`") {
				t.Errorf("%s is not in docs/monitoring.md", r.Alert)
			}
		}
	}
	if n == 0 {
		t.Error("no rules")
	}
}

// board as Grafana reads it, as far as we check it.
type dashboard struct {
	UID        string
	Templating struct{ List []struct{ Name, Type string } }
	Panels     []struct {
		ID                       int
		Type, Title, Description string
		Datasource               struct{ Type, UID string }
		GridPos                  struct{ X, Y, W, H int }
		Targets                  []struct {
			Expr       string
			Datasource struct{ UID string }
		}
	}
}

func TestDashboardShowsMetricsThatThereAre(t *testing.T) {
	t.Parallel()
	text := read(t, filepath.Join(monitoring, "dashboard.json"))
	var d dashboard
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	if d.UID != "daypass" || !slices.ContainsFunc(d.Templating.List, func(v struct{ Name, Type string }) bool { return v.Name == "datasource" && v.Type == "datasource" }) {
		t.Error("it has no uid, or no variable for the data source")
	}
	known, ids, cells := names(t, busy(t)), make(map[int]bool), make(map[[2]int]string)
	var rules bytes.Buffer // so that promtool parses the expressions
	rules.WriteString("groups: [{name: dashboard, rules: [\n")
	for i, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("two panels have the id %d", p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, taken := cells[[2]int{x, y}]; taken || x >= 24 {
					t.Errorf("%q lies over %q, or outside", p.Title, other)
				}
				cells[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Description == "" || p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
			t.Errorf("%q says nothing, shows nothing, or is bound to one data source", p.Title)
		}
		for k, target := range p.Targets {
			exist(t, known, p.Title, target.Expr)
			if target.Datasource.UID != "${datasource}" {
				t.Errorf("%q is bound to one data source", p.Title)
			}
			expr := strings.NewReplacer("$__rate_interval", "5m", "$__interval", "1m", "$__range", "6h", "$directory", ".*").Replace(target.Expr)
			line, err := json.Marshal(map[string]string{"record": fmt.Sprintf("panel_%d_%d", i, k), "expr": expr})
			if err != nil {
				t.Fatal(err)
			}
			rules.Write(append(line, ",\n"...))
		}
	}
	rules.WriteString("]}]\n")
	path := filepath.Join(t.TempDir(), "dashboard.yml")
	if err := os.WriteFile(path, rules.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, ".", "", "check", "rules", "--lint=none", path)
	alerts := read(t, filepath.Join(monitoring, "alerts.yml"))
	for name := range known {
		base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count")
		if strings.HasPrefix(name, "daypass_") && !strings.Contains(text+alerts, base) {
			t.Errorf("%s is neither on the dashboard nor in an alert", name)
		}
	}
}
