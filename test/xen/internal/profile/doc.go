// Package profile tells where the processors of an emulated machine spend their time,
// hypervisor, kernels and programs alike. It asks the emulator where each processor
// is, some hundred times a second, and nobody in the machine takes part: no guest is
// slowed down, and code that can't be interrupted is seen, too.
//
// QEMU notes where a processor is when it leaves a chain of translated blocks, so what
// it tells is right to the function, mostly, and not to the instruction.
package profile
