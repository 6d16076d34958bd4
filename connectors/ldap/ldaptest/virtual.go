package ldaptest

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"
)

// virtualNames are the attributes that are computed when they are read.
func virtualNames(f Flavor, memberOf bool) []string {
	names := []string{"createTimestamp", "modifyTimestamp", "subschemaSubentry"}
	switch f {
	case ActiveDirectory:
		names = append(names, "objectGUID", "objectSid", "whenCreated", "whenChanged", "uSNCreated", "instanceType",
			"distinguishedName", "name", "uSNChanged", "objectCategory", "primaryGroupToken")
	case DS389:
		names = append(names, "entryUUID", "nsUniqueId", "entryDN")
	default:
		names = append(names, "entryUUID", "entryDN", "structuralObjectClass", "hasSubordinates")
	}
	if memberOf {
		names = append(names, "memberOf")
	}
	return names
}

// values returns what an entry holds under a type, stored or computed.
func (t *tree) values(e *entry, typ *attrType) []string {
	if stored := e.stored(typ); stored != nil {
		return stored
	}
	if !typ.is(readOnly) {
		return nil
	}
	switch typ.key {
	case "memberof":
		return t.memberOf(e)
	case "entryuuid":
		return []string{uuidText(e.id)}
	case "nsuniqueid":
		return []string{nsUniqueID(e.id)}
	case "objectguid":
		return []string{string(guid(e.id))}
	case "objectsid":
		return nonEmpty(e.rid != 0, func() string { return string(sid(t.suffix, e.rid)) })
	case "tokengroups":
		return t.tokenGroups(e)
	case "primarygrouptoken":
		return nonEmpty(e.rid != 0 && t.has(e, "group"), func() string { return strconv.Itoa(int(e.rid)) })
	case "createtimestamp", "whencreated":
		return []string{generalized(typ, e.created)}
	case "modifytimestamp", "whenchanged":
		return []string{generalized(typ, e.modified)}
	case "entrydn", "distinguishedname":
		return []string{e.dn}
	case "usncreated":
		return []string{strconv.FormatUint(e.seq, 10)}
	case "usnchanged":
		return []string{strconv.FormatUint(max(e.usn, e.seq), 10)}
	case "name":
		return []string{firstRDNValue(e.dn)}
	case "instancetype":
		return []string{"4"}
	case "subschemasubentry":
		return []string{subschemaDN}
	case "hassubordinates":
		return []string{strings.ToUpper(strconv.FormatBool(len(e.children) > 0))}
	case "structuralobjectclass", "objectcategory":
		return t.category(e, typ.key)
	}
	return nil
}

func nonEmpty(ok bool, value func() string) []string {
	if !ok {
		return nil
	}
	return []string{value()}
}

// memberOf is the groups that hold the entry, by name or in uniqueMember.
func (t *tree) memberOf(e *entry) []string {
	var groups []string
	for _, name := range []string{"member", "uniquemember"} {
		for _, g := range t.index[t.schema.types[name]].get(e.norm) {
			groups = append(groups, g.dn)
		}
	}
	return groups
}

// tokenGroups is the security identifiers of all groups that hold the entry,
// directly or through others.
func (t *tree) tokenGroups(e *entry) (sids []string) {
	idx := t.index[t.schema.types["member"]]
	seen := map[*entry]bool{e: true}
	for queue := []*entry{e}; len(queue) > 0; queue = queue[1:] {
		for _, g := range idx.get(queue[0].norm) {
			if seen[g] {
				continue
			}
			seen[g] = true
			queue = append(queue, g)
			if g.rid != 0 {
				sids = append(sids, string(sid(t.suffix, g.rid)))
			}
		}
	}
	return sids
}

// category names what kind of thing an entry is: its last listed class, which
// for seeds and for well-behaved clients is the most specific one.
func (t *tree) category(e *entry, key string) []string {
	classes := e.stored(t.schema.types["objectclass"])
	if len(classes) == 0 {
		return nil
	}
	last := classes[len(classes)-1]
	if key == "objectcategory" {
		if t.isA(foldValue(last), "person") {
			last = "Person" // users and contacts share one category
		}
		last = "CN=" + strings.ToUpper(last[:1]) + last[1:] + ",CN=Schema,CN=Configuration," + t.suffix
	}
	return []string{last}
}

func firstRDNValue(dn string) string {
	rdn, _ := splitRDN(dn)
	pairs, err := parseRDN(rdn)
	if err != nil {
		return rdn
	}
	return pairs[0].value
}

func generalized(typ *attrType, unix int64) string {
	layout := "20060102150405Z"
	if strings.HasPrefix(typ.key, "when") {
		layout = "20060102150405.0Z"
	}
	return time.Unix(unix, 0).UTC().Format(layout)
}

func uuidText(id [16]byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// nsUniqueID is 389 Directory Server's own spelling of a UUID.
func nsUniqueID(id [16]byte) string {
	return fmt.Sprintf("%x-%x-%x-%x", id[:4], id[4:8], id[8:12], id[12:])
}

// parseID reads either spelling, with or without dashes and braces.
func parseID(s string) (id [16]byte, ok bool) {
	s = strings.NewReplacer("-", "", "{", "", "}", "").Replace(s)
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(id) {
		return id, false
	}
	return [16]byte(b), true
}

// firstRID is where Active Directory starts to number what users create.
const firstRID = 1103

// sid is the binary security identifier S-1-5-21-a-b-c-rid of an account in
// the domain of a suffix (MS-DTYP section 2.4.2.2).
func sid(suffix string, rid uint32) []byte {
	b := []byte{1, 5, 0, 0, 0, 0, 0, 5}
	b = binary.LittleEndian.AppendUint32(b, 21)
	for i := range 3 {
		h := fnv.New32a()
		_, _ = h.Write([]byte(strconv.Itoa(i) + " " + suffix)) // a hash takes everything
		b = binary.LittleEndian.AppendUint32(b, h.Sum32())
	}
	return binary.LittleEndian.AppendUint32(b, rid)
}

// sidText is the S-1-... form of a binary identifier.
func sidText(b []byte) string {
	if len(b) < 8 || len(b) != 8+4*int(b[1]) {
		return ""
	}
	text := fmt.Sprintf("S-%d-%d", b[0], b[7])
	for i := 8; i < len(b); i += 4 {
		text += "-" + strconv.FormatUint(uint64(binary.LittleEndian.Uint32(b[i:])), 10)
	}
	return text
}
