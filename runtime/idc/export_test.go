package idc

// NumberAnew has device numbers begin again, as they do in another process.
func NumberAnew() { devices.Store(0) }
