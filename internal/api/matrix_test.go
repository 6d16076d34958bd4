package api_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/api"
	"github.com/daypass-dev/daypass/internal/desk"
)

// matrix is who gets which answer to each operation about what is ada's:
// nobody, eve (anybody), ada (who asked), bob (approver), olga (owner), dan
// (auditor), root (administrator), the machine ci, and ada by tokens that only
// read and only ask.
const matrix = `
              -    eve  ada  bob  olga dan  root ci   reads asks
openapi       200  200  200  200  200  200  200  200  200   200
me            401  200  200  200  200  200  200  200  200   200
resources     401  200  200  200  200  200  200  200  200   403
resource      401  200  200  200  200  200  200  200  200   403
members       401  403  403  403  200  200  200  403  403   403
explain       401  403  200  403  200  200  200  403  200   403
templates     401  200  200  200  200  200  200  200  200   403
ask           401  201  201  201  201  201  201  201  403   201
requests      401  200  200  200  200  200  200  200  200   403
inbox         401  200  200  200  200  200  200  200  200   403
mine          401  200  200  200  200  200  200  200  200   403
request       401  404  200  200  200  200  200  404  200   403
approve       401  404  403  200  403  403  403  403  403   403
deny          401  404  403  200  403  403  403  403  403   403
withdraw      401  404  200  403  403  403  403  404  403   200
end           401  404  200  403  200  403  200  404  403   200
extend        401  404  200  403  403  403  403  404  403   200
review        401  404  403  200  403  403  403  403  403   403
runs          401  403  403  403  403  200  200  403  403   403
holds         401  403  403  403  403  200  200  403  403   403
release       401  403  403  403  403  403  200  403  403   403
audit         401  403  403  403  403  200  200  403  403   403
report        401  403  403  403  403  200  200  403  403   403
tokens        401  200  200  200  200  200  200  403  200   403
revoke-token  401  404  204  404  404  404  204  403  403   403
`

const digest = "sha256:abababababababababababababababababababababababababababababababab"

// TestAuthorizationMatrix: an operation without a row fails, and so does a cell
// that is not as it says.
func TestAuthorizationMatrix(t *testing.T) {
	t.Parallel()
	r := open(t)
	lines := strings.Split(strings.TrimSpace(matrix), "\n")
	roles := strings.Fields(lines[0])
	rows := make(map[string][]string)
	for _, line := range lines[1:] {
		cells := strings.Fields(line)
		rows[cells[0]] = cells[1:]
	}
	if err := r.store.Record(t.Context(), engine.Batch{Holds: []engine.Hold{{Digest: digest, Run: "run-1", At: start()}}}); err != nil {
		t.Fatal(err)
	}
	for _, op := range r.api.Operations() {
		row := rows[op.ID]
		if len(row) != len(roles) {
			t.Errorf("%s has no row in the matrix", op.ID)
			continue
		}
		delete(rows, op.ID)
		for i, role := range roles {
			want, _ := strconv.Atoi(row[i])
			who := strings.NewReplacer("-", "", "reads", "ada-reads", "asks", "ada-asks").Replace(role)
			path, body, done := r.object(op)
			if got := r.call(who, op.Method, path, body); got.StatusCode != want {
				t.Errorf("%s by %s: %d, want %d: %s", op.ID, role, got.StatusCode, want, got.body)
			}
			done()
		}
	}
	for id := range rows {
		t.Errorf("the matrix has a row for %s, which there is not", id)
	}
}

// object makes what an operation is tried on, which is ada's.
func (r *rig) object(op api.Operation) (path, body string, done func()) {
	done = func() {}
	id := ""
	end := func() {
		_ = r.call("ada", "POST", "/api/v1/requests/"+id+"/withdraw", "") // one of the two, or it is over
		_ = r.call("ada", "POST", "/api/v1/requests/"+id+"/end", "")
	}
	switch op.ID {
	case "request", "approve", "deny", "withdraw":
		id, done = r.ask("ada", staging).ID, end
	case "end", "extend":
		id, done = r.ask("ada", staging).ID, end
		r.call("carol", "POST", "/api/v1/requests/"+id+"/approve", `{"step":0}`).want(r.t, 200)
	case "review":
		id, done = r.ask("ada", `{"resource":"staging","reason":"it burns","breakGlass":true}`).ID, end
	case "revoke-token":
		id = fmt.Sprint("t", r.made())
		r.token(access.Token{ID: id, Person: "ada@example.org", Scopes: []string{"read"}}, secret(id))
	}
	path = strings.NewReplacer("{id}", id, "{name}", "staging", "{digest}", digest).Replace(op.Path)
	switch op.ID {
	case "explain":
		path += "?person=ada@example.org"
	case "ask":
		body = `{"resource":"free"}`
		done = func() { // what nobody approves is given once at a time
			views, _, _ := r.desk.Mine(r.t.Context(), desk.Caller{Actor: access.Actor{Person: "ada@example.org"}})
			for _, v := range views {
				id = v.ID
				end()
			}
		}
	case "approve", "deny":
		body = `{"step":0,"comment":"as agreed"}`
	case "end":
		body = `{"comment":"it is done"}`
	case "extend":
		body = `{"for":"1h","reason":"more"}`
	case "review":
		body = `{"justified":true,"comment":"it did"}`
	case "release":
		body = `{"reason":"CHG-1"}`
	}
	return path, body, done
}

// made counts.
func (r *rig) made() int {
	r.count++
	return r.count
}
