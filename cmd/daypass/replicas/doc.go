// Package replicas runs several daemons as processes on one PostgreSQL, kills,
// freezes and cuts them off, and holds what reaches the directories to the law
// that no two writers act at once. It holds tests only.
package replicas
