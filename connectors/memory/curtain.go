package memory

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// AddPerson makes an account for p. A second call for the same person makes a
// second account. Where a ghost with this login was left behind, the new
// account takes its place, as it does in LDAP.
func (d *Directory) AddPerson(p engine.Person, login string) engine.MemberID {
	d.lock()
	defer d.mu.Unlock()
	o := d.add("u", engine.AccountMember, login)
	o.person = p
	d.people[p] = append(d.people[p], o)
	return o.member.ID
}

// AddObject makes something that is no account, to be [Directory.Put] into
// groups: a device, a contact.
func (d *Directory) AddObject(kind engine.MemberKind, login string) engine.MemberID {
	d.lock()
	defer d.mu.Unlock()
	return d.add("o", kind, login).member.ID
}

func (d *Directory) add(prefix string, kind engine.MemberKind, login string) *object {
	o := &object{member: engine.Member{ID: engine.MemberID(d.nextID(prefix)), Login: login, Kind: kind}}
	d.objects[o.member.ID] = o
	d.dwell(o, login)
	return o
}

// dwell gives o a login and its Ref. Ghosts of that Ref become o.
func (d *Directory) dwell(o *object, login string) {
	ref := refOf(login)
	if other, taken := d.refs[ref]; taken && other != o {
		panic(fmt.Sprintf("memory: login %q is taken by %s", login, other.member.ID))
	}
	delete(d.refs, o.member.Ref)
	d.refs[ref] = o
	o.member.Login, o.member.Ref = login, ref
	if d.ghosts {
		d.replace(engine.MemberID(ref), o)
	}
}

// Disable makes the account unusable. Its memberships stay.
func (d *Directory) Disable(id engine.MemberID) { d.setDisabled(id, true) }

// Enable is the inverse of Disable.
func (d *Directory) Enable(id engine.MemberID) { d.setDisabled(id, false) }

func (d *Directory) setDisabled(id engine.MemberID, disabled bool) {
	d.lock()
	defer d.mu.Unlock()
	d.object(id).disabled = disabled
}

// Rename gives the account another login, and with it another Ref. The person
// and the ID stay.
func (d *Directory) Rename(id engine.MemberID, login string) {
	d.lock()
	defer d.mu.Unlock()
	d.dwell(d.object(id), login)
}

// Delete removes the account and its memberships, which it leaves behind as
// ghosts after [Directory.KeepGhosts].
func (d *Directory) Delete(id engine.MemberID) {
	d.lock()
	defer d.mu.Unlock()
	o := d.object(id)
	delete(d.objects, id)
	delete(d.refs, o.member.Ref)
	d.people[o.person] = slices.DeleteFunc(d.people[o.person], func(other *object) bool { return other == o })
	if !d.ghosts {
		d.replace(id, nil)
		return
	}
	ref := o.member.Ref
	d.replace(id, &object{member: engine.Member{ID: engine.MemberID(ref), Login: o.member.Login, Ref: ref}})
}

// KeepGhosts makes deletions leave the account's Ref behind in its groups, as
// an LDAP server without referential integrity does.
func (d *Directory) KeepGhosts() {
	d.lock()
	defer d.mu.Unlock()
	d.ghosts = true
}

// replace puts o in the place of id in every group; nil leaves it empty.
func (d *Directory) replace(id engine.MemberID, o *object) {
	for _, g := range d.groups {
		if d.take(g, id) && o != nil {
			d.put(g, o)
		}
	}
}

// AddGroup makes an empty group. Names need not be unique.
func (d *Directory) AddGroup(name string) engine.GroupID {
	d.lock()
	defer d.mu.Unlock()
	id := engine.GroupID(d.nextID("g"))
	self := &object{member: engine.Member{ID: engine.MemberID(id), Login: name, Kind: engine.GroupMember}}
	d.objects[self.member.ID] = self
	d.groups[id] = &group{info: engine.GroupInfo{ID: id, Name: name}, self: self}
	d.note(id)
	return id
}

// RenameGroup gives the group another name.
func (d *Directory) RenameGroup(g engine.GroupID, name string) {
	d.lock()
	defer d.mu.Unlock()
	gr := d.group(g)
	gr.info.Name, gr.self.member.Login = name, name
	d.note(g)
}

// DeleteGroup removes the group. Its id is never used again.
func (d *Directory) DeleteGroup(g engine.GroupID) {
	d.lock()
	defer d.mu.Unlock()
	d.group(g)
	delete(d.groups, g)
	d.note(g)
	delete(d.objects, engine.MemberID(g))
	d.replace(engine.MemberID(g), nil)
}

// Unmanageable makes the group refuse changes for a reason. An empty reason
// makes it manageable again.
func (d *Directory) Unmanageable(g engine.GroupID, reason string) {
	d.lock()
	defer d.mu.Unlock()
	d.group(g).info.Unmanageable = reason
	d.note(g)
}

// Put makes members of g unseen: somebody else did it. Present ones stay.
func (d *Directory) Put(g engine.GroupID, ids ...engine.MemberID) {
	d.lock()
	defer d.mu.Unlock()
	gr := d.group(g)
	for _, id := range ids {
		d.put(gr, d.object(id))
	}
}

// Nest makes one group a member of another, unseen.
func (d *Directory) Nest(parent, child engine.GroupID) {
	d.Put(parent, engine.MemberID(child))
}

// Take takes members out of g unseen. Absent ones are passed over.
func (d *Directory) Take(g engine.GroupID, ids ...engine.MemberID) {
	d.lock()
	defer d.mu.Unlock()
	gr := d.group(g)
	for _, id := range ids {
		d.take(gr, id)
	}
}

// Roster returns the members that g truly has now, sorted by ID: no lag, no
// lie, no fault, and not counted as a call. A deleted group has none.
func (d *Directory) Roster(g engine.GroupID) []engine.Member {
	d.lock()
	defer d.mu.Unlock()
	gr, ok := d.groups[g]
	if !ok {
		return nil
	}
	return list(gr.members)
}

// Has reports whether g truly has the member now.
func (d *Directory) Has(g engine.GroupID, id engine.MemberID) bool {
	d.lock()
	defer d.mu.Unlock()
	gr, ok := d.groups[g]
	if !ok {
		return false
	}
	_, found := gr.find(id)
	return found
}

// SetClock replaces the directory's clock, which is the machine's at first.
func (d *Directory) SetClock(now func() time.Time) {
	d.lock()
	defer d.mu.Unlock()
	d.now = now
}

func (d *Directory) object(id engine.MemberID) *object {
	o, ok := d.objects[id]
	if !ok {
		panic(fmt.Sprintf("memory: no object %q in %s", id, d.name))
	}
	return o
}

func (d *Directory) group(g engine.GroupID) *group {
	gr, ok := d.groups[g]
	if !ok {
		panic(fmt.Sprintf("memory: no group %q in %s", g, d.name))
	}
	return gr
}

// named returns the groups with a name or id, sorted by ID.
func (d *Directory) named(name string) []*group {
	var found []*group
	for _, g := range d.groups {
		if g.info.Name == name || string(g.info.ID) == name {
			found = append(found, g)
		}
	}
	slices.SortFunc(found, func(a, b *group) int { return cmp.Compare(a.info.ID, b.info.ID) })
	return found
}

// idOf returns the id of the one group with a name, or nothing.
func (d *Directory) idOf(name string) engine.GroupID {
	d.lock()
	defer d.mu.Unlock()
	if found := d.named(name); len(found) == 1 {
		return found[0].info.ID
	}
	return ""
}
