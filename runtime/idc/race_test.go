//go:build race

package idc_test

const raceEnabled = true
