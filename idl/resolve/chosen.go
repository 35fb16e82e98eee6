package resolve

func (r *resolver) choose() {}
