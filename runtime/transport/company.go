package transport

// company remembers whether requests come while others are served. A front end that
// has one request under way at a time never sends another meanwhile, and to wake a
// worker for it would be all cost. It need not be tried to be found out: whoever has
// served sees whether something has come.
type company struct{ trust int }

// fullCompany is how many times nobody came until none is expected.
const fullCompany = 8

func (c *company) expected() bool { return c.trust > 0 }

// came says that a request came while another was served.
func (c *company) came() { c.trust = fullCompany }

// missed says that a worker was called and had nothing to do.
func (c *company) missed() { c.trust = max(c.trust-1, 0) }
