//go:build !race

package idc_test

const raceEnabled = false
