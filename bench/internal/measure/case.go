package measure

import "context"

// Case is one row: a way to do something, that is measured beside others of its
// group.
type Case struct {
	Group string // what is done, for example "64-byte transaction, depth 1"
	Name  string // by whom, unique within the group
	Bytes int    // of bulk data, each operation
	// Rival marks what others' users do, for ratios. Short stands for it in the
	// heading of a column.
	Rival string
	// Serve is the other process. It calls ready once clients may open, and serves
	// until ctx ends. Nil if there is none. dir is a directory that both share.
	Serve func(ctx context.Context, dir string, ready func()) error
	// Open connects to it and returns what is to be measured. close undoes it.
	Open func(ctx context.Context, dir string) (load Load, close func(), err error)
}

// ID names a case.
func (c *Case) ID() string { return c.Group + ": " + c.Name }
