package entratest

import (
	"encoding/json"
	"slices"
	"strings"
)

// columns are what the documentation has of a type: the properties that there
// are without $select, in the order of its examples, and those that appear
// only with it. The simulator knows a value for few of them; the others are
// null, as they are for most objects.
type columns struct{ always, asked []string }

var properties = map[Type]columns{ //nolint:gochecknoglobals // a table
	UserType: {
		always: []string{"businessPhones", "displayName", "givenName", "jobTitle", "mail", "mobilePhone", "officeLocation", "preferredLanguage", "surname", "userPrincipalName", "id"},
		asked: []string{
			"accountEnabled", "ageGroup", "aboutMe", "city", "companyName", "country", "createdDateTime", "creationType", "deletedDateTime", "department",
			"employeeHireDate", "employeeId", "employeeOrgData", "employeeType", "externalUserState", "identities", "imAddresses", "lastPasswordChangeDateTime", "mailNickname", "onPremisesSyncEnabled",
			"onPremisesDistinguishedName", "onPremisesExtensionAttributes", "onPremisesImmutableId", "onPremisesSamAccountName", "onPremisesUserPrincipalName", "otherMails", "proxyAddresses", "securityIdentifier",
			"signInSessionsValidFromDateTime", "state", "streetAddress", "postalCode", "usageLocation", "userType",
		},
	},
	GroupType: {
		always: []string{
			"id", "deletedDateTime", "classification", "createdDateTime", "description", "displayName", "expirationDateTime", "groupTypes", "isAssignableToRole",
			"mail", "mailEnabled", "mailNickname", "membershipRule", "membershipRuleProcessingState", "onPremisesDomainName", "onPremisesLastSyncDateTime",
			"onPremisesNetBiosName", "onPremisesSamAccountName", "onPremisesSecurityIdentifier", "onPremisesSyncEnabled", "preferredDataLocation", "preferredLanguage",
			"proxyAddresses", "renewedDateTime", "resourceBehaviorOptions", "resourceProvisioningOptions", "securityEnabled", "securityIdentifier", "theme",
			"uniqueName", "visibility", "onPremisesProvisioningErrors", "serviceProvisioningErrors",
		},
		asked: []string{
			"isManagementRestricted", "onPremisesSyncBehavior", "allowExternalSenders", "autoSubscribeNewMembers", "hideFromAddressLists", "isSubscribedByMail",
			"unseenCount", "isArchived", "infoCatalogs", "members",
		},
	},
	DeviceType: {always: []string{"id", "deletedDateTime", "accountEnabled", "deviceId", "displayName", "operatingSystem", "operatingSystemVersion", "trustType"}},
	ServicePrincipalType: {
		always: []string{"id", "deletedDateTime", "accountEnabled", "appDisplayName", "appId", "displayName", "servicePrincipalType"},
		asked:  []string{"appRoles", "appRoleAssignments", "servicePrincipalNames", "tags", "appOwnerOrganizationId"},
	},
	ContactType: {always: []string{"id", "deletedDateTime", "displayName", "givenName", "mail", "mailNickname", "surname"}},
}

func defaults(t Type) []string { return properties[t].always }

// knows reports whether some type out of kinds has a property.
func knows(name string, kinds ...Type) bool {
	for _, t := range kinds {
		if slices.Contains(properties[t].always, name) || slices.Contains(properties[t].asked, name) {
			return true
		}
	}
	return false
}

// selection reads $select. Names that no wanted type has are an error, as in
// Graph.
func (c *call) selection(kinds ...Type) ([]string, *failure) {
	if !c.query.Has("$select") {
		return nil, nil
	}
	var names []string
	for name := range strings.SplitSeq(c.query.Get("$select"), ",") {
		name = strings.TrimSpace(name)
		if !knows(name, kinds...) && (!slices.Contains(kinds, UserType) || !c.s.extended(name)) {
			c.violation("$select names %q, which is no property of it", name)
			return nil, fail(400, "BadRequest", "Parsing OData Select and Expand failed: Could not find a property named '"+name+"' on type 'microsoft.graph."+string(kinds[0])+"'.")
		}
		names = append(names, name)
	}
	if !slices.Contains(names, "id") {
		names = append(names, "id")
	}
	return names, nil
}

// append writes one object. Of types that the caller may not read there are
// the type and the id, and nulls. Typed is for lists of several types.
func (c *call) append(b []byte, n uint32, selected []string, typed bool) []byte {
	o := &c.s.tenant.objects[n]
	names := selected
	if names == nil {
		names = defaults(o.kind)
	}
	may := c.claims.reads(o.kind)
	b = append(b, '{')
	if typed && !strings.Contains(c.r.Header.Get("Accept"), "odata.metadata=none") {
		b = append(b, `"@odata.type":"#microsoft.graph.`...)
		b = append(b, o.kind...)
		b = append(b, `",`...)
	}
	for _, name := range names {
		switch value, set := c.s.tenant.further[n][name]; {
		case !knows(name, o.kind) && !set:
			continue // of another type in the list; or an extension, which is not shown without a value
		case set && may:
			b = append(append(append(comma(b), '"'), name...), `":`...)
			b = append(b, value...)
			continue
		}
		b = append(comma(b), '"')
		b = append(b, name...)
		b = append(b, `":`...)
		if may || name == "id" {
			b = c.s.tenant.value(b, n, name)
		} else {
			b = append(b, "null"...)
		}
	}
	if b[len(b)-1] == ',' {
		b = b[:len(b)-1]
	}
	return append(b, '}')
}

// comma divides what follows from what is there.
func comma(b []byte) []byte {
	if last := b[len(b)-1]; last != ',' && last != '{' {
		b = append(b, ',')
	}
	return b
}

// value writes a property as JSON.
func (t *tenant) value(b []byte, n uint32, name string) []byte {
	o := &t.objects[n]
	switch name {
	case "id", "appId", "deviceId":
		b = append(b, '"')
		b = o.id.append(b)
		return append(b, '"')
	case "displayName", "appDisplayName":
		return quoteOrNull(b, o.name)
	case "mail":
		return quoteOrNull(b, o.mail)
	case "mailNickname":
		return quoteOrNull(b, mailNickname(o.name))
	case "deletedDateTime":
		if o.deleted {
			return append(b, `"2026-01-01T00:00:00Z"`...)
		}
		return append(b, "null"...)
	}
	switch o.kind {
	case UserType:
		return t.userValue(b, n, o, name)
	case GroupType:
		return groupValue(b, o, name)
	}
	if name == "accountEnabled" {
		return append(b, "true"...)
	}
	return append(b, "null"...)
}

func (t *tenant) userValue(b []byte, n uint32, o *object, name string) []byte {
	switch name {
	case "userPrincipalName":
		return quote(b, o.login)
	case "accountEnabled":
		return appendBool(b, !o.disabled)
	case "userType":
		if o.guest {
			return append(b, `"Guest"`...)
		}
		return append(b, `"Member"`...)
	case "givenName":
		first, _, _ := strings.Cut(o.name, " ")
		return quote(b, first)
	case "surname":
		_, last, _ := strings.Cut(o.name, " ")
		return quoteOrNull(b, last)
	case "proxyAddresses":
		return appendList(b, t.proxies(n))
	case "signInSessionsValidFromDateTime":
		if from, ok := t.validFrom[n]; ok {
			return quote(b, stamp(from))
		}
	case "onPremisesExtensionAttributes":
		return append(b, noExtensions...)
	case "businessPhones", "otherMails", "imAddresses", "identities":
		return append(b, "[]"...)
	}
	return append(b, "null"...)
}

// proxies are the addresses that lead to a user, the first one in capitals.
func (t *tenant) proxies(n uint32) []string {
	var all []string
	if mail := t.objects[n].mail; mail != "" {
		all = append(all, "SMTP:"+mail)
	}
	for _, alias := range t.aliases[n] {
		all = append(all, "smtp:"+alias)
	}
	return all
}

func groupValue(b []byte, o *object, name string) []byte {
	g := o.group
	switch name {
	case "description":
		return quoteOrNull(b, g.about)
	case "groupTypes":
		return appendList(b, g.traits.types)
	case "mailEnabled":
		return appendBool(b, g.traits.mail)
	case "securityEnabled":
		return appendBool(b, g.traits.security)
	case "isAssignableToRole":
		if g.traits.role {
			return append(b, "true"...)
		}
	case "isManagementRestricted":
		return appendBool(b, g.traits.restricted)
	case "onPremisesSyncEnabled":
		if g.traits.synced {
			return append(b, "true"...)
		}
	case "onPremisesSyncBehavior":
		if g.traits.cloudManaged {
			return append(b, `{"isCloudManaged":true}`...)
		}
	case "membershipRule":
		if g.traits.dynamic() {
			return append(b, `"user.department -eq \"Sales\""`...)
		}
	case "membershipRuleProcessingState":
		return quoteOrNull(b, g.traits.ruleState)
	case "resourceProvisioningOptions":
		if g.traits.team {
			return append(b, `["Team"]`...)
		}
		return append(b, "[]"...)
	case "visibility":
		return quoteOrNull(b, g.visibility())
	case "createdDateTime", "renewedDateTime":
		return append(b, `"2026-01-01T00:00:00Z"`...)
	case "proxyAddresses", "resourceBehaviorOptions", "onPremisesProvisioningErrors", "serviceProvisioningErrors":
		return append(b, "[]"...)
	}
	return append(b, "null"...)
}

func (g *group) visibility() string {
	switch {
	case g.traits.hidden:
		return "HiddenMembership"
	case g.traits.role:
		return "Hidden"
	case g.traits.unified():
		return "Private"
	}
	return ""
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, "true"...)
	}
	return append(b, "false"...)
}

func appendList(b []byte, all []string) []byte {
	b = append(b, '[')
	for i, one := range all {
		if i > 0 {
			b = append(b, ',')
		}
		b = quote(b, one)
	}
	return append(b, ']')
}

func quoteOrNull(b []byte, s string) []byte {
	if s == "" {
		return append(b, "null"...)
	}
	return quote(b, s)
}

// quote writes a JSON string; plain ones quickly.
func quote(b []byte, s string) []byte {
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		q, err := json.Marshal(s)
		if err != nil {
			panic(err) // a string
		}
		return append(b, q...)
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// page is a list as Graph writes it: values in b after a head, then a link.
func (c *call) page(context, link string, count int, value []byte) reply {
	b := append([]byte(`{"@odata.context":`), quote(nil, c.context(context))...)
	if count >= 0 {
		b = append(b, `,"@odata.count":`...)
		b = appendInt(b, count)
	}
	if link != "" {
		b = append(b, `,"@odata.nextLink":`...)
		b = quote(b, link)
	}
	b = append(b, `,"value":[`...)
	b = append(b, value...)
	return reply{body: append(b, "]}"...)}
}

// single is one object as Graph writes it.
func (c *call) single(context string, object []byte) reply {
	b := append([]byte(`{"@odata.context":`), quote(nil, c.context(context+"/$entity"))...)
	b = append(b, ',')
	return reply{body: append(b, object[1:]...)}
}

func appendInt(b []byte, n int) []byte {
	s, err := json.Marshal(n)
	if err != nil {
		panic(err) // a number
	}
	return append(b, s...)
}
