#!/usr/bin/env bash
# Breaks the laws one by one and asks the engine's tests to notice: each small
# breakage must make `go test ./engine` fail. It works on a copy in a temporary
# folder; CI does not run it.
#
#   scripts/mutate.sh              all breakages, a few seconds each
#   scripts/mutate.sh limit        those with "limit" in their name
#   CHECKS=1000 scripts/mutate.sh  with more random histories (default 100)
#   JOBS=8 scripts/mutate.sh       so many at a time (default 2)
#
# It ends with the survivors and fails when there are any. A breakage whose
# text is no longer in the code fails as well: mend it here.
set -euo pipefail
cd "$(dirname "$0")/.."

only=${1:-}
checks=${CHECKS:-100}
jobs=${JOBS:-2}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/results"
count=0

# What the engine's tests need.
mkdir -p "$work/whole/testdata" "$work/whole/connectors"
cp -r go.mod go.sum engine schedule "$work/whole"
cp -r connectors/memory "$work/whole/connectors"
cp -r testdata/plans "$work/whole/testdata"

# tests FOLDER
tests() {
  (cd "$1" && go test ./engine -trimpath -vet=off -failfast -timeout 2m \
    -rapid.checks="$checks" -rapid.shrinktime=1ms -rapid.nofailfile) >"$1/log" 2>&1
}

# broken NAME FILE FROM TO: every FROM in the file becomes TO, as plain text.
broken() {
  [[ $1 == *"$only"* ]] || return 0
  count=$((count + 1))
  while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n || true; done
  one "$work/$count" "$@" &
}

# one FOLDER NAME FILE FROM TO
one() {
  local at=$1 name=$2 file=engine/$3 verdict
  cp -r "$work/whole" "$at"
  FROM=$4 TO=$5 perl -0pi -e 's/\Q$ENV{FROM}\E/$ENV{TO}/g' "$at/$file"
  if cmp -s "$work/whole/$file" "$at/$file"; then
    verdict="stale     $name: $file has no: $4"
  elif tests "$at"; then
    verdict="SURVIVES  $name"
  elif grep -qE 'build failed|setup failed' "$at/log"; then
    verdict="stale     $name: does not compile: $(grep -m1 "$3" "$at/log")"
  else
    verdict="noticed   $name ($(grep -m1 -oE '^ *--- FAIL: [^ ]+|panic: .*' "$at/log" | sed 's/.*FAIL: //'))"
  fi
  echo "$verdict" | tee "$work/results/$(basename "$at")"
  rm -rf "$at"
}

if ! tests "$work/whole"; then
  cat "$work/whole/log" >&2
  echo "mutate: the tests fail before anything is broken" >&2
  exit 1
fi

# Law 1: access ends on time.
broken 'forget instead of remove' diff.go 'd.leave(Remove, why, o, m, due)' 'd.leave(Forget, why, o, m, due)'
broken 'ignore the end of a window' look.go 'case g.When.Active(l.s.now):' 'case !l.s.now.Before(g.When.From):'
broken 'confirm a removal without reading' transition.go 'o.State, o.Wrote = Removed, now
' 'return nil
'
broken 'take a reading that is not sure for the end' observe.go 'case !present && sure && o.State == Removed:' 'case !present && o.State == Removed:'
broken 'forget that a failed removal is due' transition.go 'back.Due = c.due' '_ = c.due'
broken 'overdue is never said' run.go 'now.Sub(c.due) <= r.cfg.Overdue' 'true'
broken 'overdue is said too soon' run.go 'now.Sub(c.due) <= r.cfg.Overdue' 'now.Sub(c.due) <= 0'
broken 'groups that only the ledger knows are left out' targets.go 'if byID[g.Group.ID] == nil && ' 'if false && '
broken 'give up a claim without sending the removal' diff.go 'c.verify = op == Forget' 'c.verify = false && op == Forget'
broken 'the lag lacks the removal' transition.go 'o.Gone = now' 'o.Gone = time.Time{}'
broken 'a later removal moves the first' transition.go 'if e.Changed || o.Gone.IsZero() {' 'if true {'
broken 'an unread group ends nothing' diff.go 'case m == nil && why.Agreed():' 'case m == nil && why.Agreed() && g.Trust != Unread:'
broken 'a doubtful listing ends nothing that it lacks' diff.go 'case m == nil && why.Agreed():' 'case m == nil && why.Agreed() && g.Trust != Doubtful:'
broken 'additions before due removals of other groups' apply.go 'case j.due:' 'case false:'

# Law 2: only what we added.
broken 'an addition that finds a member claims it' transition.go 'e.Err == nil && (e.Changed || c.ours())' 'e.Err == nil'
broken 'a repeated addition that finds a member lets go' transition.go '(e.Changed || c.ours())' 'e.Changed'
broken 'sweep without notice' diff.go 'if noticed && !f.RemoveAt.After(d.now) {' 'if true {'
broken 'sweep before the notice is over' diff.go 'if noticed && !f.RemoveAt.After(d.now) {' 'if noticed {'
broken 'sweep nested groups' diff.go 'm.Kind == AccountMember &&' 'true &&'
broken 'sweep protected members' diff.go '!g.Protected[m.ID] && !g.Unsure' '!g.Unsure'
broken 'sweep while a list is unsure' diff.go '!g.Protected[m.ID] && !g.Unsure' '!g.Protected[m.ID]'
broken 'sweep while an account is not certain' diff.go 'd.unresolved == 0 //' 'true //'
broken 'sweep where members are only reported' diff.go 'return g.Rules.Foreign == ForeignRemove && ' 'return '
broken 'report standing members as foreign' diff.go '|| g.GrantsUnread || g.Standing[m.ID]' '|| g.GrantsUnread'
broken 'remove a standing member whose grant ends' diff.go 'case g.Standing[m.ID]:' 'case false:'
broken 'remove a protected member whose grant vanished' diff.go 'case g.Protected[m.ID] && !why.Agreed():' 'case false:'
broken 'protection outlives an agreed end' diff.go 'case g.Protected[m.ID] && !why.Agreed():' 'case g.Protected[m.ID]:'
broken 'a dropped claim is restored' diff.go 'if m == nil && newGrant(ws, o.Anchors) {' 'if m == nil {'
broken 'a dropped claim is ours at the end' diff.go 'case o.State == Dropped:
		d.leave(' 'case false:
		d.leave('
broken 'the notice outlives the stranger' look.go 'p.gone = left(' '_ = left('
broken 'a disabled account is on no list' look.go 'kind == Disabled && ' 'kind == "" && kind == Disabled && '
broken 'a list that is unsure is not said' look.go 'l.unsure(v, t, p, res.Err)' ''
broken 'the account of another under our value goes free' observe.go 'if !ok || standing[m.ID] {' 'if !ok || !m.Ghost() {'

# Law 3: a union.
broken 'the ledger learns one grant of two' diff.go 'after.Anchors = anchorsOf(ws)' 'after.Anchors = anchorsOf(ws[:1])'
broken 'the end of one grant is the end' diff.go 'if end.After(due) {' 'if due.IsZero() || end.Before(due) {'
broken 'two names of a group cut each other' targets.go 't.grants = append(t.grants, l.s.byRef[ref]...)' 't.grants = l.s.byRef[ref]'
broken 'an extension leaves the membership due' diff.go 'after.State, after.Due, after.Gone = state, time.Time{}, time.Time{}' 'after.State = state'
broken 'anchors of an unread source are lost' diff.go 'if d.g.GrantsUnread {' 'if false {'
broken 'a new grant is lost in a removal by others' diff.go 'if newGrant(ws, o.Anchors) {
			d.add' 'if false {
			d.add'
broken 'a listing older than our removal blames somebody' diff.go 'after.Confirmed, after.Wrote = time.Time{}, time.Time{}' '_ = after'
broken 'an addition that did not stick was removed by others' diff.go ' || o.Confirmed.IsZero():' ':'

# Law 4: a doubtful reading.
broken 'an empty listing is trusted' observe.go 'case n <= 0:' 'case n < -99:'
broken 'a shrunk listing is trusted' observe.go 'case missing > free && missing*2 > expected:' 'case false:'
broken 'our own removals are missed' observe.go 'case o.State == Removing, o.State == Removed && !counted:' 'case false:'
broken 'a doubtful listing is not said' limits.go 'case g.Trust == Doubtful && (' 'case false && ('
broken 'a doubtful listing becomes the measure' look.go 'if v.Trust == Trusted {' 'if true {'
broken 'a doubtful listing forgets' limits.go 'return unexplained(c) || c.Op == Forget' 'return unexplained(c)'
broken 'a failed listing is an empty one' look.go 'v.Trust, v.Note = untrusted(unread)
' 'v.Trust, v.Note = Trusted, ""; _ = untrusted
'
broken 'grants that could not be read are none' survey.go 's.grantsErr = errors.Join(s.grantsErr, err)' '_ = err'
broken 'unread grants withdraw' diff.go 'case d.g.GrantsUnread:' 'case false:'
broken 'unplaced grants withdraw' look.go 'l.s.grantsErr != nil || t.unplaced' 'l.s.grantsErr != nil'
broken 'unread grants sweep' diff.go '|| g.GrantsUnread ||' '||'

# Law 5: limits.
broken 'limits hold agreed ends' limits.go 'c.removes() && (!c.Why.Agreed() || c.drop)' 'c.removes()'
broken 'removals by others pass every limit' limits.go '(!c.Why.Agreed() || c.drop)' '!c.Why.Agreed()'
broken 'dropped claims count as lost' diff.go 'if o.State != Dropped { // as' 'if true { // as'
broken 'a replaced grant vanished' diff.go 'max(0, lost-(len(after)-kept))' 'lost'
broken 'a grant that vanished beside another is not counted' diff.go 'max(0, lost-(len(after)-kept))' '0*lost*kept'
broken 'withdrawn counts as agreed' plan.go 'return w == Ends' 'return w == Ends || w == Withdrawn'
broken 'held changes are applied' apply.go 'if c.Held {' 'if false {'
broken 'a limit holds the whole plan' limits.go 'if o.covers(out[i]) {' 'if o.covers(out[i]) || true {'
broken 'a limit holds other groups' limits.go 'if o.group != (Group{}) && o.group != c.Key() {' 'if false {'
broken 'no limit by count' limits.go 'if t.remove > l.Remove {' 'if false {'
broken 'no limit by percent' limits.go 't.remove*100 > t.members*l.RemovePercent {' 'false {'
broken 'no free removals' limits.go 't.remove > l.RemoveFree && ' ''
broken 'no limit of additions' limits.go 'if t.add > l.Add {' 'if false {'
broken 'no limit of the run' limits.go 'whole.objections(run, "this run")...' '[]Objection(nil)...'
broken 'no limit of vanished grants' limits.go 'vanished*100 > live*vanishedPercent' 'false'
broken 'vanished grants are forgotten while held' run.go 'if doubt {' 'if false && doubt {'
broken 'vanished grants are told in every run' run.go 'if k.idle() {' 'if false {'
broken 'a group that is gone is forgotten' limits.go 'case g.Trust == Gone && t.forget > 0:' 'case false:'

# Law 6: what was reviewed is what runs.
broken 'a reviewed plan that moved runs' run.go '!strings.HasPrefix(have, digest)' '(false && strings.HasPrefix(have, digest))'
broken 'a release is used twice' run.go 'b.Spend = append(b.Spend, Spend{res.Release.Digest, res.Run})' ''
broken 'a release has no end' hold.go 'Release(ctx, digest, now)' 'Release(ctx, digest, time.Time{})'
broken 'a release is for the whole plan' hold.go 'digest := p.HeldDigest()' 'digest := p.Digest()'
broken 'a release is for any reading' plan.go 'readings := p.doubts()' 'readings := p.doubts()[:0]'
broken 'names are part of the digest' plan.go 'c.Member.Login = ""' ''
broken 'the end is no part of the digest' plan.go 'c.Reason = ""' 'c.Reason, c.Until = "", time.Time{}'
broken 'a released reading is doubted again' run.go 'b.Readings = append(b.Readings, res.Plan.readings(now)...)' ''

# Law 7: same view, same plan.
broken 'changes are not sorted' plan.go 'slices.SortFunc(p.Changes, compareChanges)' ''
broken 'problems are not sorted' plan.go 'slices.SortFunc(p.Problems, ' '_ = slices.IsSortedFunc(p.Problems, '
broken 'wishes are not sorted' look.go 'sortWishes(v.Wishes)' ''

# Law 8: intent before action, outcome after.
broken 'no intent in the ledger' apply.go 'b.Put = append(b.Put, *o)' '_ = o'
broken 'no intent in the audit log' apply.go 'b.Events = append(b.Events, c.event(EventIntended, a.run, now))' '_ = now'
broken 'send without a durable intent' apply.go 'return nil, fmt.Errorf("write intents: %w", err)' 'return intents, nil'
broken 'an unknown outcome is a refusal' transition.go 'unknown := e.Err != nil && !e.untried && !KindOf(e.Err).Refusal()' 'unknown := false'
broken 'a refusal is an unknown outcome' transition.go 'unknown := e.Err != nil && !e.untried && !KindOf(e.Err).Refusal()' 'unknown := e.Err != nil'
broken 'what was sent is not settled when the caller gives up' apply.go 'a.settle(context.WithoutCancel(ctx), ' 'a.settle(ctx, '
broken 'nothing is read back' confirm.go 'if j.sent() &&' 'if false &&'
broken 'a crash in a removal is settled by absence' observe.go 'o.State == Removed:
			drop' '(o.State == Removed || o.State == Removing):
			drop'
broken 'the run does not say that it ended' run.go 'Batch{Events: []Event{event}}' 'Batch{}'

# Law 9 is the store's. Law 10: identity fails closed.
broken 'a disabled account is used' look.go 'w.Member = Member{} //' '//'
broken 'a member whose account is not certain is removed' diff.go 'if d.waits(o) {' 'if false {'
broken 'accounts that were made again are strangers' look.go 'v.Owned, p.moved = adopt(v.Owned, v.Members, v.Standing)' '_ = adopt'

# Law 11: nothing is silent; and one bad thing stops no other.
broken 'a directory that is down is asked for everything' apply.go 'if b.row < breakAfter {' 'if true {'
broken 'one failure is taken for a directory that is down' apply.go 'const breakAfter = 3' 'const breakAfter = 1'
broken 'an answer does not close the breaker' apply.go 'b.row = 0' '_ = b.row'
broken 'a directory that is down is not said' survey.go 'Kind: DirectoryDown, Directory: d, Message: err.Error()' 'Kind: Unresolved, Directory: d, Message: err.Error()'
broken 'an unknown group is not said' targets.go 'if quiet(err) || l.conn == nil {' 'if true {'
broken 'a group that must not be changed is changed' diff.go ' || d.g.Unmanageable != ""' ''
broken 'the clock of the store is not asked' clock.go 'ahead > MaxSkew' 'ahead > 100*MaxSkew'
broken 'the clock of a directory is not asked' clock.go 'skew > MaxSkew' 'skew > 100*MaxSkew'
broken 'who vouches for the clock is not on record' run.go 'if r.cfg.TrustClock {' 'if false {'
broken 'the digest depends on the zone' plan.go 'c.Until, c.Expires = c.Until.UTC(), c.Expires.UTC()' ''
broken 'a plan that was changed in its file is read' plan.go 'have != j.Digest' 'false'
broken 'what was not tried is not told' apply.go 'a.fail(c, fmt.Errorf("not tried: %w", err))' '_ = c'

# Listings that lag, and directories that tell what changed.
broken 'lag: a write is not believed more than a listing' observe.go 'v.Members = lay(v.Members, o.Member, o.Member.ID, o.State == Added)' '_ = o'
broken 'lag: a listing inside the grace is proof' observe.go 'case o.settling(v.Read, v.Grace):' 'case false:'
broken 'lag: a removal is sent again inside its grace' diff.go 'if o.State == Removed && o.settling(d.g.Read, d.g.Grace) {' 'if false {'
broken 'lag: when an add was answered is not on record' transition.go 'o.State, o.Wrote, o.Expires = Added, now, e.end' 'o.State, o.Expires = Added, e.end'
broken 'lag: when a removal was answered is not on record' transition.go 'o.State, o.Wrote = Removed, now' 'o.State = Removed'
broken 'lag: the grace never ends' ledger.go 'read.Sub(o.Wrote) < grace' 'grace > 0'
broken 'lag: what was changed is read back at once' confirm.go ' && GraceOf(r.cfg.Directories[j.group.Directory]) == 0' ''
broken 'lag: the notice of a sweep is taken back at once' apply.go 'if GraceOf(a.conn) == 0 {' 'if true {'
broken 'lag: a removal that was taken is overdue' run.go 'if sent && l.Error == "" &&' 'if false &&'
broken 'marks: the listing of a changed group is kept' news.go 'case n == nil || !n.good || n.changed[g]:' 'case n == nil || !n.good:'
broken 'marks: a whole listing that may lag is kept' news.go 'read.Sub(n.known.Whole) >= n.grace && ' ''
broken 'marks: what was told a moment ago is kept' news.go ' && read.Sub(n.known.Told[g]) >= n.grace' ''
broken 'marks: somebody is added by a remembered name' targets.go 'if !l.recalled[ref] {' 'if true {'
broken 'marks: standing is judged by a remembered account' look.go ' || len(part.Changes) > 0 && len(t.rules.Standing) > 0' ''
broken 'lag: an unanswered add is forgotten inside its lag' diff.go 'o.unanswered(g.Read, g.Grace)' 'false'
broken 'lag: what was laid over is a witness' observe.go 'case o.State == Added && o.settling(read, grace):' 'case false:'
broken 'lag: removals that the last listing lacked are missed twice' observe.go 'o.State == Removed && !counted' 'o.State == Removed'
broken 'lag: an end that never sticks is never overdue' run.go ' && c.prior.Gone.IsZero()' ''
broken 'lag: swept strangers are missed' run.go 'len(j.swept) > 0 && GraceOf' 'false && grace'
broken 'marks: a name that is not certain adds' diff.go ' || d.g.Uncertain' ''
broken 'marks: a name that is not certain withdraws' look.go ' || t.uncertain, Uncertain' ', Uncertain'
broken 'a directory that is down is not tried for what is due' run.go '		s.stops[d].again()
' ''
broken 'a directory may take for ever to tell what changed' news.go 'context.WithTimeout(ctx, toldWithin)' 'context.WithCancel(ctx)'
broken 'a directory may take for ever for its second answer' targets.go 'context.WithTimeout(ctx, knockWithin)' 'context.WithCancel(ctx)'
broken 'the hours of the week are not looked at' survey.go 'if o, ok := w.At(now); ok {' 'if o, ok := w.At(now); ok && false {'
broken 'the end of the hours is no end' survey.go 'if o, ok := w.Last(now); ok {' 'if o, ok := w.Last(now); ok && false {'
broken 'turns are not taken' turns.go 'case own.slot <- struct{}{}:' 'default:'
broken 'one sick group is a sick directory' apply.go 'a.stop.note(verdict(effects))' 'for _, e := range effects { a.stop.note(e.Err) }; _ = verdict'
broken 'marks: the listing of a changed group still holds' news.go 'n != nil && !n.whole && !n.changed[g]' 'n != nil && !n.whole'
broken 'marks: the listing of a group that we change still holds' apply.go 'b.Unlist = append(b.Unlist, j.group)' '_ = j'
broken 'marks: an old listing outlives a change' news.go 'b.Unlist = append(b.Unlist, Group{d, g})' '_ = g'
broken 'marks: whole listings keep the old ones' news.go 'b.UnlistAll = []Directory{d}' ''
broken 'marks: a change rests on a kept listing' look.go 't.anew = true' 't.anew = false'
broken 'marks: a change rests on a remembered account' look.go 'l.recognise(ctx, t)' ''
broken 'marks: an agreed end waits for a listing' look.go 'return c.Op != Remove || !c.Why.Agreed()' 'return true'
broken 'marks: nothing is ever listed anew' news.go 'r.cfg.Full || now.Sub(known.Whole) >= r.cfg.Relist' 'r.cfg.Full'
broken 'marks: full is not full' news.go 'r.cfg.Full || now' 'now'
broken 'marks: one listing is enough to be kept' look.go 'fresh && same && !settling' 'fresh && (same || true) && !settling'
broken 'marks: a listing that lags is kept' look.go 'fresh && same && !settling' 'fresh && same && (true || !settling)'
broken 'marks: names are believed although one may have moved' news.go 'n.names = !n.whole && !ch.Names' 'n.names = !n.whole'
broken 'marks: the mark is written when it is too late' targets.go 'return l.s.r.book.record(ctx, l.s.pen, l.told.begin(l.d, l.s.now))' 'l.told.begin(l.d, l.s.now); return nil'
broken 'marks: a plan moves the mark' targets.go '	case l.s.pen == nil:
		return nil
' ''
broken 'marks: who does not tell is believed' news.go 'n.whole, n.err = true, err' 'n.err = err'

# The directory ends it too.
broken 'ends: the directory is asked for none' diff.go 'if d.g.Rules.Expire && d.g.Expirer {' 'if false {'
broken 'ends: groups that do not ask for one get one' diff.go 'if d.g.Rules.Expire && d.g.Expirer {' 'if d.g.Expirer {'
broken 'ends: the first grant of a union is its end' diff.go 'c.Expires = c.Until' 'c.Expires = ws[0].Grant.When.Until'
broken 'ends: they do not follow the grants' diff.go 'd.follow(d.lasts(ws, o), &after, m, d.g.GrantsUnread)' '_ = d.lasts'
broken 'ends: without the rule they do not follow' expire.go 'asks := g.Rules.Expire || !after.Expires.IsZero() || !has.IsZero()' 'asks := g.Rules.Expire'
broken 'ends: a grant that vanished cuts short at once' expire.go 'if !wished && d.g.Ended[a.Grant].IsZero() {' 'if false && !wished {'
broken 'ends: a revoked grant keeps its end' expire.go 'if !wished && d.g.Ended[a.Grant].IsZero() {' 'if !wished {'
broken 'ends: unread grants cut short' expire.go 'case hold && why == Shortens, ' 'case '
broken 'ends: an account that is not certain loses its end' diff.go 'if d.waits(o) {
		d.outlast(o, m)' 'if d.waits(o) {'
broken 'ends: what lasts by the ledger alone is not renewed' diff.go 'if !ok {
		d.outlast(o, m)' 'if !ok {'
broken 'ends: a short term is never renewed' expire.go '!differs && asked && !after.wanes(d.now)' '!differs && asked'
broken 'ends: a short term is renewed in every run' expire.go ' && o.Expires.Sub(now) < o.Expires.Sub(o.seen())/2' ''
broken 'ends: the term counts from the first day' transition.go 'o.Expires, o.Confirmed = e.end, now' 'o.Expires = e.end'
broken 'ends: what the directory gave is not on record' transition.go 'o.Expires, o.Confirmed = e.end, now' 'o.Expires, o.Confirmed = c.Expires, now'
broken 'ends: what the directory gave at first is not on record' transition.go 'o.State, o.Wrote, o.Expires = Added, now, e.end' 'o.State, o.Wrote = Added, now'
broken 'ends: what was asked for is not on record' transition.go '		o.Asked = c.Expires
' ''
broken 'ends: an end that was refused counts as moved' transition.go 'case c.Op == Expire && e.Err != nil:' 'case false:'
broken 'ends: one that somebody moved is not seen' look.go 'l.expiries(ctx, &v)' ''
broken 'ends: one that somebody moved is not said' expire.go 'd.problem(ExpiryDiffers, nil, ' 'fmt.Sprint('
broken 'ends: one that somebody moved stays' expire.go '	case differs:
' '	case differs && false:
'
broken 'ends: a lost answer is a difference' expire.go 'case differs && sameEnd(has, want):' 'case false:'
broken 'ends: listings that lag differ' expire.go ' && g.Read.Sub(latest(after.Wrote, after.Confirmed)) >= g.Grace' ''
broken 'ends: groups without one are asked' expire.go 'if !ok || !asksEnds(v.Owned) {' 'if !ok {'
broken 'ends: a failing listing is an empty one' expire.go 'v.Expiries = nil
' 'v.Expiries, err = map[MemberID]time.Time{}, nil
'
broken 'ends: a failing listing is not said' expire.go 'v.ExpiriesNote = err.Error()' '_ = err'
broken 'ends: access is refused where there is none' expire.go '		endless := err
' '		return Effect{Err: err}
		endless := err
'
broken 'ends: what could not be given is not said' expire.go 'if n == 0 {' 'if true {'
broken 'ends: what could not be given is said in one run only' expire.go 'case asked > 0 && given == 0:' 'case false:'
broken 'ends: a directory that cannot is not said' expire.go 'case !g.Expirer:' 'case false:'
broken 'ends: each member is asked for again where there is none' apply.go 'effects[first].endless != nil {' 'false {'
broken 'ends: removals wait for additions' apply.go 'a.endings(ctx, j.changes, end[:1], effects)
		end = end[1:]' 'a.endings(ctx, j.changes, end, effects)
		end = nil'
broken 'ends: silence is asked to the end' expire.go 'silence.note(effects[i].Err)' ''
broken 'ends: an earlier attempt keeps its end' expire.go 'if err == nil && !changed && c.ours() {' 'if false {'
broken 'ends: a stranger who was there gets one' expire.go 'if err == nil && !changed && c.ours() {' 'if err == nil && !changed {'
broken 'ends: what lapsed was taken out by somebody' transition.go 'p.Why, p.Due, p.Removed = c.Why, c.due, c.Expires' 'p.Why, p.Due = c.Why, c.due'
broken 'ends: what lapsed was removed by us' transition.go 'o.Gone = o.Expires //' '//'
broken 'ends: what lapsed early was the will of somebody' diff.go 'if o.lapsed(d.now) { // that' 'if false { // that'
broken 'ends: what lapsed early is not said' diff.go 'd.problem(ExpiredEarly, ws[0].Grant, ' 'fmt.Sprint('
broken 'ends: what lapsed makes a listing doubtful' observe.go 'case o.State == Added && o.lapsed(read)' 'case false && o.lapsed(read)'
broken 'ends: a listing without them is trusted before' observe.go 'case o.State == Added && o.lapsed(read) &&' 'case o.State == Added && !o.Expires.IsZero() &&'
broken 'ends: limits keep them in runs of some groups' plan.go ' || w == Extends || w == Shortens' ''
broken 'ends: what is in doubt is lost with a moved one' run.go 'c.prior, c.anchors = &o, o.Anchors' '_ = o'
broken 'ends: no intent of a moved one' apply.go 'if c.sends() || c.Op == Expire {' 'if c.sends() {'
broken 'sessions: they do not end' run.go 'errs[i] = a.endSessions(ctx)' 'errs[i] = nil'
broken 'sessions: they end in every group' diff.go 'c.sessions = d.g.Rules.EndSessions' 'c.sessions = true'
broken 'sessions: they end once for each group' sessions.go 'return x.Member.ID == y.Member.ID' 'return false'
broken 'sessions: they end in every run' sessions.go 'c.prior.Gone.IsZero() && (' '('
broken 'sessions: they end when somebody else acted' sessions.go 'return e.Changed || ' 'return true || e.Changed || '
broken 'sessions: they stay when an answer was lost' sessions.go 'c.prior.State == Removing || ' ''
broken 'sessions: they stay when the directory was first' sessions.go ' || c.prior.lapsed(now)' ''
broken 'sessions: they hold a run for ever' sessions.go 'context.WithTimeout(Under(context.WithoutCancel(ctx), a.lease), sessionsWithin)' 'context.WithCancel(Under(context.WithoutCancel(ctx), a.lease))'
broken 'sessions: a failure is not said' sessions.go 'a.find(Problem{Kind: SessionsNotEnded' '_ = (Problem{Kind: SessionsNotEnded'
broken 'sessions: a failure is on record as done' sessions.go 'ev.Kind, ev.Error, ev.Reason = EventFailed' 'ev.Kind, ev.Error, ev.Reason = EventLoggedOut'

broken 'side: what another run wrote since is written over' book.go 'return ok && s.pen != p && s.tick > since' 'return false && ok && s.tick > since'
broken 'side: what another run has in hand is sent too' apply.go 'if book.flying[m] || book' 'if book'
broken 'side: what another run has in hand is proved' book.go 'return b.flying[m] || b.overtaken' 'return b.overtaken'
broken 'side: what was sent stays in hand' apply.go 'delete(book.flying, m)' '_ = m'
broken 'side: a revoked grant is added by a long run' survey.go 'return a.Until.After(g.at) && (g.active == nil || g.active[a.Grant])' 'return true'
broken 'side: an extended grant is ended by a long run' apply.go 'return c.removes() && slices' 'return false && slices'
broken 'side: an end forgets other grants' scope.go 'v.Wishes = append(v.Wishes, Wish{Grant: gr, Err: &silent{errUnasked}})' ''
broken 'side: an end forgets names that nobody looked up' scope.go 'c.loose = append(c.loose, g)' ''
broken 'side: an end takes permanent members out' scope.go ' || slices.Contains(v.Rules.Standing, c.Person) || known.standing[c.Person]' ''
broken 'side: a stranger is swept who has a grant by now' apply.go 'return grants.newcomers' 'return false'
broken 'side: a grant of another run has vanished' apply.go 'since = min(read, a.s.known)' 'since = read'
broken 'side: an old count takes the place of a newer' book.go 'return older(b.read, r.Group)' 'return false'
broken 'side: an end forgets a claim' scope.go 'return c.Op != Remove || slices' 'return slices'
broken 'side: a run of some groups withdraws' scope.go 'drop := c.Held || unexplained(c) || !c.Why.Agreed() && c.Op != Add' 'drop := c.Held'
broken 'side: a run of some groups passes the limits' scope.go 'p = p.Limited(run)
	rest' 'rest'
broken 'side: nobody hears of what is left' scope.go 'rest = rest || drop' ''
broken 'lease: nothing is fenced' book.go 'batch.Fences = b.fences(p.ds)' ''
broken 'lease: it is not asked before a write' lease.go 'return l.Check()' 'return nil'
broken 'lease: it is not asked between the ends of a group' expire.go 'cmp.Or(silence.open(), Held(ctx))' 'silence.open()'
broken 'lease: it is not asked between the removals of a group' apply.go 'cmp.Or(ctx.Err(), Held(ctx)); err != nil {
		return Effect' 'ctx.Err(); err != nil {
		return Effect'
broken 'lease: what was sent under a lost one is not on record' apply.go 'if errors.Is(err, ErrFenced) {' 'if false {'

wait
echo
of() { cat "$work"/results/* | grep -c "^$1" || true; }
echo "$(of noticed) noticed, $(of SURVIVES) survived, $(of stale) stale"
! cat "$work"/results/* | grep -v '^noticed'
