package entratest

import (
	"fmt"
	"net/http"
	"slices"
)

// Type is what a directory object is: the end of its @odata.type.
type Type string

// Types of object that groups hold.
const (
	UserType             Type = "user"
	GroupType            Type = "group"
	DeviceType           Type = "device"
	ServicePrincipalType Type = "servicePrincipal"
	ContactType          Type = "orgContact"
)

func types() []Type {
	return []Type{UserType, GroupType, DeviceType, ServicePrincipalType, ContactType}
}

// Kind is a kind of group, as administrators tell them apart.
type Kind string

// Kinds of group.
const (
	Security       Kind = "security"
	Microsoft365   Kind = "microsoft365"
	Team           Kind = "team"           // a Microsoft 365 group with a team
	HiddenMembers  Kind = "hidden"         // a Microsoft 365 group whose members are hidden
	Dynamic        Kind = "dynamic"        // fed by a rule
	DynamicPaused  Kind = "dynamicPaused"  // fed by a rule that is paused
	MailSecurity   Kind = "mailSecurity"   // mastered by Exchange
	Distribution   Kind = "distribution"   // mastered by Exchange
	Synced         Kind = "synced"         // mastered on premises
	CloudManaged   Kind = "cloudManaged"   // was synced, is mastered in the cloud now
	RoleAssignable Kind = "roleAssignable" // may hold directory roles
	Restricted     Kind = "restricted"     // in a restricted management administrative unit
	RestrictedRole Kind = "restrictedRole" // both
)

// traits are how a kind shows in a group's properties.
type traits struct {
	types                                  []string // groupTypes
	mail, security                         bool
	role, restricted, synced, cloudManaged bool
	team, hidden                           bool
	ruleState                              string
}

func traitsOf(k Kind) (traits, bool) {
	switch k {
	case "", Security:
		return traits{security: true}, true
	case Microsoft365:
		return traits{types: []string{"Unified"}, mail: true}, true
	case Team:
		return traits{types: []string{"Unified"}, mail: true, team: true}, true
	case HiddenMembers:
		return traits{types: []string{"Unified"}, mail: true, hidden: true}, true
	case Dynamic:
		return traits{types: []string{"DynamicMembership"}, security: true, ruleState: "On"}, true
	case DynamicPaused:
		return traits{types: []string{"DynamicMembership"}, security: true, ruleState: "Paused"}, true
	case MailSecurity:
		return traits{mail: true, security: true}, true
	case Distribution:
		return traits{mail: true}, true
	case Synced:
		return traits{security: true, synced: true}, true
	case CloudManaged:
		return traits{security: true, cloudManaged: true}, true
	case RoleAssignable:
		return traits{security: true, role: true}, true
	case Restricted:
		return traits{security: true, restricted: true}, true
	case RestrictedRole:
		return traits{security: true, role: true, restricted: true}, true
	}
	return traits{}, false
}

func (t traits) unified() bool { return slices.Contains(t.types, "Unified") }

func (t traits) dynamic() bool { return slices.Contains(t.types, "DynamicMembership") }

// Texts of refusals, as seen from the service or its documentation.
const (
	noPrivileges  = "Insufficient privileges to complete the operation."
	mailMastered  = "Cannot Update a mail-enabled security groups and or distribution list."
	syncMastered  = "Unable to update the specified properties for on-premises mastered Directory Sync objects or objects currently undergoing migration."
	alreadyThere  = "One or more added object references already exist for the following modified properties: 'members'."
	notReplicated = "The source resource object or one of the objects being referenced don't exist."
)

func denied() *failure {
	return fail(http.StatusForbidden, "Authorization_RequestDenied", noPrivileges)
}

// refusal is why the members of a group cannot be changed by a caller, or nil.
func (t traits) refusal(c *claims) *failure {
	switch {
	case t.dynamic(), t.restricted:
		// For a restricted unit the right would have to be at that unit's scope.
		return denied()
	case t.synced:
		return fail(http.StatusBadRequest, "Request_BadRequest", syncMastered)
	case t.mail && !t.unified():
		return fail(http.StatusBadRequest, "Request_BadRequest", mailMastered)
	case t.role && !c.has("RoleManagement.ReadWrite.Directory"):
		return denied()
	}
	return nil
}

// holds tells why a group cannot hold an object, or nil.
func (t traits) holds(o *object) *failure {
	nested := o.kind == GroupType
	switch {
	case t.unified() && o.kind != UserType,
		t.role && nested,
		nested && o.group.traits.mail:
		return fail(http.StatusBadRequest, "Request_BadRequest",
			fmt.Sprintf("Objects of type '%s' cannot be added as members of this group.", o.kind))
	}
	return nil
}
