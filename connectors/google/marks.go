package google

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	reports "google.golang.org/api/admin/reports/v1"

	"github.com/daypass-dev/daypass/engine"
)

const (
	// overlap is how far each look at the log goes back before the one before:
	// events show up late, minutes to tens of minutes as a rule, without a
	// promise (Workspace Admin Help, "Data retention and lag times").
	overlap = 2 * time.Hour
	// retention is how long a mark is good for. The log is kept for six months.
	retention = 120 * 24 * time.Hour
	// More pages, of 1,000 events each, tell that everything changed.
	eventPages = 20
	// So many events are remembered, to tell them from new ones. What is beyond
	// is told twice, which costs a listing.
	eventsMax = 4000
	// feedPause is how long the log is not asked for after we were refused.
	feedPause = time.Hour
)

// place is what a mark holds.
type place struct {
	At time.Time `json:"at"` // when the log was read
	// Seen are the events since the overlap that were told already, as hashes of
	// their qualifiers.
	Seen string `json:"seen,omitempty"`
	// Heard is set once the log told anything. An account without the right, or
	// an edition without the log, may get an empty one instead of a refusal: a
	// log that never said a word is not believed.
	Heard bool `json:"heard,omitempty"`
}

// Changed tells which groups changed, by the audit log of groups in the Reports
// API (groups_enterprise): one request for up to 1,000 events. The log is a
// hint and no truth: events come late, without a bound, and in rare cases
// never, so listings on an interval remain needed. Each look goes two hours
// back before the last one, and tells each event once.
//
// Where the log cannot be read, anything may have changed.
func (c *Connector) Changed(ctx context.Context, since engine.Mark) (engine.Changes, error) {
	now := c.cfg.Now()
	from, ok := readPlace(since)
	deaf := engine.Changes{All: true, Next: place{At: now}.mark()}
	if c.feed.on(now) {
		return deaf, nil
	}
	ok = ok && now.Sub(from.At) < retention && !from.At.After(now.Add(overlap))
	if !ok {
		from = place{At: now}
	}
	events, whole, err := c.events(ctx, from.At.Add(-overlap))
	if err != nil && engine.KindOf(err) == engine.Denied {
		c.feed.begin(now.Add(feedPause))
		return deaf, nil
	}
	if err != nil {
		return engine.Changes{}, c.op("read what changed", err)
	}
	next := place{At: now, Heard: ok && from.Heard || len(events) > 0}
	changes, err := c.news(ctx, events, from.told(), ok && whole && next.Heard)
	if err != nil {
		return engine.Changes{}, c.op("read what changed", err)
	}
	next.Seen = told(events, now.Add(-overlap))
	changes.Next = next.mark()
	return changes, nil
}

// Recall learns what groups are called, for events that call them by address.
func (c *Connector) Recall(groups map[string]engine.GroupInfo) {
	for name, g := range groups {
		if strings.Contains(g.Name, "@") {
			c.names.learn(g.ID, g.Name, []string{key(name)})
		}
	}
}

// event is one line of the log, as far as it matters.
type event struct {
	sum   uint64
	at    time.Time
	group string // address or id
	names bool   // a group may have come, gone, or got another name
}

// events reads the log since a time. It is not whole when it has too many
// pages, or goes in circles.
func (c *Connector) events(ctx context.Context, since time.Time) (all []event, whole bool, err error) {
	seen := map[string]bool{}
	token := ""
	for range eventPages {
		call := c.log.Activities.List("all", "groups_enterprise").MaxResults(1000).
			StartTime(since.UTC().Format("2006-01-02T15:04:05.000Z")).
			Fields("nextPageToken,items(id(time,uniqueQualifier),events(name,parameters(name,value)))")
		if c.cfg.Customer != defaultCustomer {
			call.CustomerId(c.cfg.Customer)
		}
		if token != "" {
			call.PageToken(token)
		}
		tctx, x := traced(ctx)
		got, err := call.Context(tctx).Do()
		if err != nil {
			return nil, false, x.fail(ctx, err)
		}
		if got == nil {
			return nil, false, malformed("a list of activities")
		}
		for _, a := range got.Items {
			if all, err = readActivity(all, a); err != nil {
				return nil, false, err
			}
		}
		token = got.NextPageToken
		if token == "" {
			return all, true, nil
		}
		if seen[token] {
			break
		}
		seen[token] = true
	}
	return all, false, nil
}

// readActivity adds the events of one line of the log.
func readActivity(all []event, a *reports.Activity) ([]event, error) {
	if a == nil || a.Id == nil {
		return nil, malformed("a list of activities with ids")
	}
	at, err := time.Parse(time.RFC3339Nano, a.Id.Time)
	if err != nil {
		return nil, malformed("a list of activities with times")
	}
	for _, e := range a.Events {
		if e == nil {
			return nil, malformed("a list of activities with events")
		}
		ev := event{at: at, names: renames(e.Name)}
		for _, p := range e.Parameters {
			if p != nil && p.Name == "group_id" {
				ev.group = key(p.Value)
			}
		}
		h := fnv.New64a()
		for _, s := range []string{a.Id.Time, "\n", strconv.FormatInt(a.Id.UniqueQualifier, 10), "\n", e.Name, "\n", ev.group} {
			_, _ = h.Write([]byte(s))
		}
		ev.sum = h.Sum64()
		all = append(all, ev)
	}
	return all, nil
}

// renames are the events after which names have to be looked up anew: a group
// that came or went, and a setting of its description, which the address is
// (appendix of groups_enterprise).
func renames(name string) bool {
	return slices.Contains([]string{"create_group", "delete_group", "add_info_setting", "change_info_setting", "remove_info_setting"}, name)
}

// news tells what the events mean that were not told before.
func (c *Connector) news(ctx context.Context, events []event, told map[uint64]bool, believed bool) (engine.Changes, error) {
	if !believed {
		return engine.Changes{All: true}, nil
	}
	var out engine.Changes
	var unknown []string
	for _, e := range events {
		if told[e.sum] {
			continue
		}
		out.Names = out.Names || e.names
		switch id, ok := c.names.id(e.group); {
		case e.group == "":
			out.All = true // about a group, and does not say which
		case ok && !e.names:
			out.Groups = append(out.Groups, id)
		case strings.Contains(e.group, "@"):
			unknown = append(unknown, e.group) // also after a change of names: ours may be old
		default:
			out.Groups = append(out.Groups, engine.GroupID(e.group))
		}
	}
	if out.All {
		return engine.Changes{All: true}, nil
	}
	unknown = unique(unknown)
	found, err := c.findAll(ctx, unknown)
	if err != nil {
		return engine.Changes{}, err
	}
	for i, f := range found {
		if id, ok := c.names.id(unknown[i]); ok {
			out.Groups = append(out.Groups, id) // as it was called before
		}
		if f.Err != nil {
			out.Names = true // it is called otherwise by now, or gone
			continue
		}
		out.Groups = append(out.Groups, f.Info.ID)
	}
	slices.Sort(out.Groups)
	out.Groups = slices.Compact(out.Groups)
	return out, nil
}

// told packs the events that the next look will see again, newest first.
func told(events []event, since time.Time) string {
	events = slices.Clone(events)
	slices.SortFunc(events, func(a, b event) int { return b.at.Compare(a.at) })
	var packed []byte
	for _, e := range events {
		if e.at.Before(since) || len(packed) >= 8*eventsMax {
			break
		}
		packed = binary.BigEndian.AppendUint64(packed, e.sum)
	}
	return base64.RawStdEncoding.EncodeToString(packed)
}

func (p place) told() map[uint64]bool {
	packed, _ := base64.RawStdEncoding.DecodeString(p.Seen) // what is no base64 was told by nobody
	out := make(map[uint64]bool, len(packed)/8)
	for ; len(packed) >= 8; packed = packed[8:] {
		out[binary.BigEndian.Uint64(packed)] = true
	}
	return out
}

func (p place) mark() engine.Mark {
	text, err := json.Marshal(p)
	if err != nil {
		panic("google: a place that is no JSON: " + err.Error())
	}
	return engine.Mark(text)
}

func readPlace(m engine.Mark) (place, bool) {
	var p place
	err := json.Unmarshal([]byte(m), &p)
	return p, err == nil && !p.At.IsZero()
}
