package report

// State says in one word where a membership stands.
type State string

// States. Those with a difference between desired and actual say why there is
// one; only foreign and some missing ones are unexplained.
const (
	Granted          State = "granted"           // ours, and a grant is in force
	Standing         State = "standing"          // there before its grant: not ours, and stays
	ExpectedStanding State = "expected-standing" // on the group's standing list
	Starting         State = "starting"          // wished, to be added
	Restoring        State = "restoring"         // wished, taken out by somebody else, to be added again
	Ending           State = "ending"            // ours, no longer wished, to be removed
	Overdue          State = "overdue"           // ending, and later than allowed
	Held             State = "held"              // a limit holds the change that is due
	Protected        State = "protected"         // ours, its grant vanished, the protect list keeps it
	Foreign          State = "foreign"           // there, and nothing explains it
	Ignored          State = "ignored"           // foreign, in a group whose rule is to ignore that
	Missing          State = "missing"           // wished, not there, and not to be added
	NoAccount        State = "no-account"        // wished, and the person has none
	TwoAccounts      State = "two-accounts"      // wished, and the person has several
	Disabled         State = "disabled-account"  // wished, and the account cannot be used
	Unresolved       State = "unresolved"        // wished, and the directory did not say whose account
	Over             State = "over"              // not wished, not there; the ledger is to forget it
	NotKnown         State = "unknown"           // could not be read
)

// states is every state, in one order that packed rows rely on.
var states = [...]State{ //nolint:gochecknoglobals // a table
	Granted, Standing, ExpectedStanding, Starting, Restoring, Ending, Overdue, Held, Protected, Foreign,
	Ignored, Missing, NoAccount, TwoAccounts, Disabled, Unresolved, Over, NotKnown,
}

// sentence is why a membership is in the state, where nothing more can be
// said.
func (s State) sentence() string {
	switch s {
	case Granted:
		return "a grant is in force"
	case Standing:
		return "there before its grant: not ours, and stays"
	case ExpectedStanding:
		return "on the standing list"
	case Starting:
		return "the next run adds it"
	case Restoring:
		return "taken out by somebody else; the next run puts it back"
	case Ending:
		return "its grant ended; the next run removes it"
	case Overdue:
		return "its grant ended, and the removal is late"
	case Held:
		return "a limit holds the change"
	case Protected:
		return "its grant vanished before its end, and the protect list keeps it"
	case Foreign:
		return "nothing explains it"
	case Ignored:
		return "no grant explains it, and the group's rule is to ignore that"
	case Missing:
		return "a grant is in force, and nothing tells why it is not there"
	case Over:
		return "only the claim in the ledger is left"
	case NotKnown:
		return "could not be read"
	}
	return ""
}
