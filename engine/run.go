package engine

// Counts sums up a run.
type Counts struct {
	Groups   int `json:"groups"`
	Members  int `json:"members"`
	Added    int `json:"added"`
	Removed  int `json:"removed"`
	Forgot   int `json:"forgotten"`
	Failed   int `json:"failed"`
	Held     int `json:"held"`
	Overdue  int `json:"overdue"`
	Problems int `json:"problems"`
	Foreign  int `json:"foreign"`
}
