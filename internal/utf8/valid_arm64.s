//go:build !purego

#include "textflag.h"

// What two neighbouring bytes can be, by the four nibbles that decide it. A bit is
// a mistake that a nibble allows; where all three tables have it, it was made.
//
//	0x01  a first byte that is not followed by a continuation byte
//	0x02  a continuation byte that follows ASCII
//	0x04  an overlong form of three bytes
//	0x08  beyond U+10FFFF
//	0x10  a surrogate
//	0x20  an overlong form of two bytes
//	0x40  beyond U+10FFFF, or an overlong form of four bytes
//	0x80  two continuation bytes: right if a longer form has begun before them

// by the high nibble of the first byte
DATA firstHigh<>+0(SB)/8, $0x0202020202020202
DATA firstHigh<>+8(SB)/8, $0x4915012180808080
GLOBL firstHigh<>(SB), RODATA|NOPTR, $16

// by its low nibble
DATA firstLow<>+0(SB)/8, $0xcbcbcb8b8383a3e7
DATA firstLow<>+8(SB)/8, $0xcbcbdbcbcbcbcbcb
GLOBL firstLow<>(SB), RODATA|NOPTR, $16

// by the high nibble of the second byte
DATA secondHigh<>+0(SB)/8, $0x0101010101010101
DATA secondHigh<>+8(SB)/8, $0x01010101babaaee6
GLOBL secondHigh<>(SB), RODATA|NOPTR, $16

// func validBlocks(p *byte, n int) int
TEXT ·validBlocks(SB), NOSPLIT, $0-24
	MOVD p+0(FP), R0
	MOVD n+8(FP), R1
	MOVD R0, R2
	ADD  R0, R1, R1 // the end

	MOVD  $firstHigh<>(SB), R3
	VLD1  (R3), [V14.B16]
	MOVD  $firstLow<>(SB), R3
	VLD1  (R3), [V13.B16]
	MOVD  $secondHigh<>(SB), R3
	VLD1  (R3), [V12.B16]
	VMOVI $0x0f, V15.B16
	VMOVI $0x60, V11.B16        // 0xe0 - 0x80
	VMOVI $0x70, V10.B16        // 0xf0 - 0x80
	VMOVI $0x80, V9.B16
	VEOR  V1.B16, V1.B16, V1.B16 // the vector before: nothing

loop:
	VLD1 (R0), [V0.B16]

	// The bytes one, two and three places before those of this vector.
	VEXT $15, V0.B16, V1.B16, V3.B16
	VEXT $14, V0.B16, V1.B16, V4.B16
	VEXT $13, V0.B16, V1.B16, V5.B16

	// Mistakes of two neighbours.
	VUSHR $4, V3.B16, V6.B16
	VTBL  V6.B16, [V14.B16], V6.B16
	VAND  V15.B16, V3.B16, V7.B16
	VTBL  V7.B16, [V13.B16], V7.B16
	VAND  V7.B16, V6.B16, V6.B16
	VUSHR $4, V0.B16, V7.B16
	VTBL  V7.B16, [V12.B16], V7.B16
	VAND  V7.B16, V6.B16, V6.B16

	// Third and fourth bytes have to be the second of two continuation bytes,
	// and nothing else may be.
	WORD $0x6e2b2c84 // UQSUB V11.B16, V4.B16, V4.B16
	WORD $0x6e2a2ca5 // UQSUB V10.B16, V5.B16, V5.B16
	VORR V5.B16, V4.B16, V4.B16
	VAND V9.B16, V4.B16, V4.B16
	VEOR V6.B16, V4.B16, V4.B16
	VMOV V4.D[0], R4
	VMOV V4.D[1], R5
	ORR  R4, R5, R4
	CBNZ R4, done

	VMOV V0.B16, V1.B16
	ADD  $16, R0, R0
	CMP  R1, R0
	BLO  loop

done:
	SUB  R2, R0, R0
	MOVD R0, ret+16(FP)
	RET
