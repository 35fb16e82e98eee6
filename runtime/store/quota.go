package store

import "fmt"

// Quota bounds what one domain may hold in a Server. Zero means no limit.
// Connections of privileged domains are exempt from all of it. A domain that wants
// more is refused with ENOSPC, or for Outstanding made to wait.
type Quota struct {
	Nodes            int // nodes owned by the domain
	Watches          int // watches of all its connections
	Transactions     int // open transactions of all its connections
	TransactionNodes int // nodes that one transaction touches
	// TransactionMemory is bytes that all open transactions hold: of each node that they
	// touched its path, what is to be written, and 512.
	TransactionMemory int
	// Memory is bytes that the nodes of the domain take, about: of each its path, its
	// value, 8 for each permission, and 256.
	Memory int

	NodeSize    int // bytes of one node: value, names of children, permissions
	Perms       int // permissions of one node
	PathLen     int // bytes of an absolute path, without the /local/domain/N/ in front
	Outstanding int // requests of one connection whose replies it hasn't read
	Connections int // connections at the same time
}

// DefaultQuota holds xenstored's own limits (quotas[], tools/xenstored/domain.c), and
// two of ours: Connections, because there a domain has but one, and
// TransactionMemory, as much as it allows a domain to hold altogether.
func DefaultQuota() Quota {
	return Quota{
		Nodes:             1000,
		Watches:           128,
		Transactions:      10,
		TransactionNodes:  1024,
		TransactionMemory: 2560 << 10,
		NodeSize:          2048,
		Perms:             5,
		PathLen:           2048,
		Outstanding:       20,
		Connections:       64,
	}
}

// HostQuota is for domains that serve, or use, thousands of devices: what processes of one
// machine may need. It bounds memory more than number.
func HostQuota() Quota {
	q := DefaultQuota()
	q.Nodes, q.Memory, q.NodeSize = 100_000, 32<<20, 64<<10
	q.Watches, q.Outstanding = 16_384, 64
	return q
}

// OfUser is what one user's domains may have together where each has q: as much as four
// of them, and as many transactions as sixteen.
func (q Quota) OfUser() UserQuota {
	return UserQuota{Nodes: 4 * q.Nodes, Memory: 4 * q.Memory, Watches: 4 * q.Watches, Transactions: 16 * q.Transactions}
}

// quotaNames are the names that GET_QUOTA and SET_QUOTA use.
var quotaNames = []struct {
	name  string
	field func(*Quota) *int
}{
	{"nodes", func(q *Quota) *int { return &q.Nodes }},
	{"watches", func(q *Quota) *int { return &q.Watches }},
	{"transactions", func(q *Quota) *int { return &q.Transactions }},
	{"transaction-nodes", func(q *Quota) *int { return &q.TransactionNodes }},
	{"transaction-memory", func(q *Quota) *int { return &q.TransactionMemory }},
	{"memory", func(q *Quota) *int { return &q.Memory }},
	{"node-size", func(q *Quota) *int { return &q.NodeSize }},
	{"node-permissions", func(q *Quota) *int { return &q.Perms }},
	{"path-max", func(q *Quota) *int { return &q.PathLen }},
	{"outstanding", func(q *Quota) *int { return &q.Outstanding }},
	{"connections", func(q *Quota) *int { return &q.Connections }},
}

// Set sets a limit by the name that GET_QUOTA and SET_QUOTA use, such as "watches".
func (q *Quota) Set(name string, n int) error {
	if f := q.byName(name); f == nil || n < 0 {
		return fmt.Errorf("quota %s=%d: there are %s, and numbers from 0, which is no limit", name, n, quotaList())
	} else {
		*f = n
	}
	return nil
}

// byName finds a limit by its wire name, nil when there is none such.
func (q *Quota) byName(name string) *int {
	for _, n := range quotaNames {
		if n.name == name {
			return n.field(q)
		}
	}
	return nil
}

// exceeds says whether n is more than limit allows.
func exceeds(n, limit int) bool { return limit != 0 && n > limit }
