module github.com/xenidc/idc

go 1.25.0
