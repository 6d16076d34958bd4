package googletest

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// pick reads some fields of grace's record.
func (w *world) pick(query string) map[string]any {
	w.t.Helper()
	return w.want(200, "", "GET", directoryRoot+"/users/grace@example.org?"+query, "").json
}

// Organizations and relations are always shown, custom fields to who asks for
// them.
func TestProfiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	before := w.pick("")["etag"]
	if err := w.SetProfile("grace@example.org", "Grace B. Hopper", Profile{
		Organizations: []Organization{{Primary: true, Department: "Data", Title: "Head", CostCenter: "4711", Location: "here"}, {Title: "Advisor"}},
		Relations:     []Relation{{Type: "manager", Value: "ada@example.org"}, {Type: "custom", CustomType: "mentor", Value: "anybody"}},
		Custom:        map[string]map[string]any{"HR": {"floor": 7, "teams": []string{"red", "blue"}}, "Work-Place": {"remote": true, "site": "north"}},
	}); err != nil {
		t.Fatal(err)
	}
	hr := `"HR":{"floor":7,"teams":[{"type":"work","value":"red"},{"type":"work","value":"blue"}]}`
	place := `"Work-Place":{"remote":true,"site":"north"}`
	for query, want := range map[string]string{
		"fields=relations":                                                       `{"relations":[{"value":"ada@example.org","type":"manager"},{"value":"anybody","type":"custom","customType":"mentor"}]}`,
		"fields=organizations(primary,department)":                               `{"organizations":[{"primary":true,"department":"Data"},{}]}`,
		"fields=organizations(title,costCenter,location)":                        `{"organizations":[{"title":"Head","costCenter":"4711","location":"here"},{"title":"Advisor"}]}`,
		"fields=name/fullName":                                                   `{"name":{"fullName":"Grace B. Hopper"}}`,
		"fields=customSchemas":                                                   `{}`,
		"projection=basic&fields=customSchemas":                                  `{}`,
		"projection=full&fields=customSchemas":                                   `{"customSchemas":{` + hr + `,` + place + `}}`,
		"projection=custom&customFieldMask=HR&fields=customSchemas":              `{"customSchemas":{` + hr + `}}`,
		"projection=custom&customFieldMask=X,HR,Work-Place&fields=customSchemas": `{"customSchemas":{` + hr + `,` + place + `}}`,
	} {
		var wanted map[string]any
		if err := json.Unmarshal([]byte(want), &wanted); err != nil {
			t.Fatal(err)
		}
		if got := w.pick(query); !reflect.DeepEqual(got, wanted) {
			t.Errorf("%s: got %v, want %s", query, got, want)
		}
	}
	list := w.want(200, "", "GET", directoryRoot+"/users?customer=my_customer&projection=full&fields=users(customSchemas)&query=email=grace@example.org", "")
	if !strings.Contains(list.text, `"site":"north"`) {
		t.Errorf("a listing in full: got %s, want custom fields", list.text)
	}
	if after := w.pick("")["etag"]; after == before {
		t.Error("the etag is what it was")
	}
	for _, query := range []string{"projection=all", "projection=custom"} {
		w.want(400, "invalid", "GET", directoryRoot+"/users/grace@example.org?"+query, "")
		w.want(400, "invalid", "GET", directoryRoot+"/users?customer=my_customer&"+query, "")
	}
	if err := w.SetProfile("grace@example.org", "", Profile{}); err != nil {
		t.Fatal(err)
	}
	if got := w.pick("projection=full&fields=name/fullName,relations,organizations,customSchemas"); len(got) != 1 {
		t.Errorf("after all was taken away: got %v, want the name alone", got)
	}
	for _, bad := range []any{nil, map[string]any{"a": 1}, []any{nil}, func() {}} {
		if err := w.SetProfile("grace@example.org", "", Profile{Custom: map[string]map[string]any{"HR": {"x": bad}}}); err == nil {
			t.Errorf("custom field %v: got no error", bad)
		}
	}
	if err := w.SetProfile("nobody@example.org", "", Profile{}); err == nil {
		t.Error("a profile of nobody: got no error")
	}
}

func TestDemoProfiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	for user, boss := range map[string]string{"grace": "ada", "margaret": "ada", "ken": "grace", "linus": "barbara", "ada": "", "root": ""} {
		got := w.want(200, "", "GET", directoryRoot+"/users/"+user+"@example.org?fields=relations,organizations(department)", "")
		named := strings.Contains(got.text, `"value":"`+boss+`@example.org","type":"manager"`)
		if named != (boss != "") || (got.json["relations"] == nil) != (boss == "") || (got.json["organizations"] == nil) != (user == "root") {
			t.Errorf("%s: got %s, want the manager %q and a department but for root", user, got.text, boss)
		}
	}
}

func TestProfilesInASeed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	if err := w.Load(strings.NewReader(`{"users": [{"email": "eve@example.org", "organizations": [{"primary": true, "department": "R&D"}],
		"relations": [{"type": "manager", "value": "ada@example.org"}], "customSchemas": {"HR": {"teams": ["red"], "floor": 3}}}], "groups": []}`)); err != nil {
		t.Fatal(err)
	}
	got := w.want(200, "", "GET", directoryRoot+"/users/eve@example.org?projection=full", "").text
	for _, want := range []string{`"department":"R\u0026D"`, `{"value":"ada@example.org","type":"manager"}`, `"HR":{"floor":3,"teams":[{"type":"work","value":"red"}]}`} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
