module github.com/xenidc/idc

go 1.26.0

require (
	github.com/alecthomas/kong v1.17.0
	github.com/alecthomas/participle/v2 v2.1.4
	github.com/dave/jennifer v1.7.1
	github.com/google/go-cmp v0.7.0
	github.com/rogpeppe/go-internal v1.16.0
	golang.org/x/sys v0.49.0
)

require (
	github.com/BurntSushi/toml v1.4.1-0.20240526193622-a339e1f7089c // indirect
	golang.org/x/exp/typeparams v0.0.0-20231108232855-2478ac86f678 // indirect
	golang.org/x/mod v0.42.0 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/tools v0.52.0 // indirect
	honnef.co/go/tools v0.8.2 // indirect
)

// A module of yours has idcgen as a tool, too. Before there is a release, from a clone:
//	go mod edit -replace github.com/xenidc/idc=CLONE -require github.com/xenidc/idc@v0.0.0 -tool github.com/xenidc/idc/cmd/idcgen
tool (
	github.com/xenidc/idc/cmd/idcgen
	honnef.co/go/tools/cmd/staticcheck
)
