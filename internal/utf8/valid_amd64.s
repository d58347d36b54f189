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

// How far a byte at the end of a vector may go without wanting another.
DATA complete<>+0(SB)/8, $0xffffffffffffffff
DATA complete<>+8(SB)/8, $0xffffffffffffffff
DATA complete<>+16(SB)/8, $0xffffffffffffffff
DATA complete<>+24(SB)/8, $0xbfdfefffffffffff
GLOBL complete<>(SB), RODATA|NOPTR, $32

// func validAVX2(p *byte, n int) int
TEXT ·validAVX2(SB), NOSPLIT, $0-24
	MOVQ p+0(FP), SI
	MOVQ n+8(FP), CX
	MOVQ SI, DX
	ADDQ SI, CX      // the end

	// ASCII at the front needs no tables.
front:
	LEAQ      128(SI), R8
	CMPQ      R8, CX
	JA        single
	VMOVDQU   (SI), Y2
	VPOR      32(SI), Y2, Y2
	VMOVDQU   64(SI), Y3
	VPOR      96(SI), Y3, Y3
	VPOR      Y2, Y3, Y2
	VPMOVMSKB Y2, AX
	TESTL     AX, AX
	JNZ       single
	MOVQ      R8, SI
	JMP       front

single:
	CMPQ      SI, CX
	JAE       done
	VMOVDQU   (SI), Y0
	VPMOVMSKB Y0, AX
	TESTL     AX, AX
	JNZ       tables
	ADDQ      $32, SI
	JMP       single

tables:
	VBROADCASTI128 firstHigh<>(SB), Y14
	VBROADCASTI128 firstLow<>(SB), Y13
	VBROADCASTI128 secondHigh<>(SB), Y12
	VMOVDQU        complete<>(SB), Y8
	MOVL           $0x0f, AX
	VMOVD          AX, X0
	VPBROADCASTB   X0, Y15
	MOVL           $0x60, AX             // 0xe0 - 0x80
	VMOVD          AX, X0
	VPBROADCASTB   X0, Y11
	MOVL           $0x70, AX             // 0xf0 - 0x80
	VMOVD          AX, X0
	VPBROADCASTB   X0, Y10
	MOVL           $0x80, AX
	VMOVD          AX, X0
	VPBROADCASTB   X0, Y9
	VPXOR          Y1, Y1, Y1            // the vector before: nothing that wants another

loop:
	VMOVDQU   (SI), Y0
	VPMOVMSKB Y0, AX
	TESTL     AX, AX
	JNZ       mixed

	// ASCII: all is well unless the vector before ends in the middle of
	// something. There may be more of it.
	VPSUBUSB Y8, Y1, Y2
	VPTEST   Y2, Y2
	JNZ      done
	VMOVDQA  Y0, Y1
	ADDQ     $32, SI

ascii:
	LEAQ      128(SI), R8
	CMPQ      R8, CX
	JA        more
	VMOVDQU   (SI), Y2
	VPOR      32(SI), Y2, Y2
	VMOVDQU   64(SI), Y3
	VPOR      96(SI), Y3, Y3
	VPOR      Y2, Y3, Y2
	VPMOVMSKB Y2, AX
	TESTL     AX, AX
	JNZ       more
	MOVQ      R8, SI
	JMP       ascii

mixed:
	// The bytes one, two and three places before those of this vector.
	VPERM2I128 $0x21, Y0, Y1, Y2
	VPALIGNR   $15, Y2, Y0, Y3
	VPALIGNR   $14, Y2, Y0, Y4
	VPALIGNR   $13, Y2, Y0, Y5

	// Mistakes of two neighbours.
	VPSRLW  $4, Y3, Y6
	VPAND   Y15, Y6, Y6
	VPSHUFB Y6, Y14, Y6
	VPAND   Y15, Y3, Y7
	VPSHUFB Y7, Y13, Y7
	VPAND   Y7, Y6, Y6
	VPSRLW  $4, Y0, Y7
	VPAND   Y15, Y7, Y7
	VPSHUFB Y7, Y12, Y7
	VPAND   Y7, Y6, Y6

	// Third and fourth bytes have to be the second of two continuation bytes,
	// and nothing else may be.
	VPSUBUSB Y11, Y4, Y4
	VPSUBUSB Y10, Y5, Y5
	VPOR     Y5, Y4, Y4
	VPAND    Y9, Y4, Y4
	VPXOR    Y6, Y4, Y4
	VPTEST   Y4, Y4
	JNZ      done

	VMOVDQA Y0, Y1
	ADDQ    $32, SI

more:
	CMPQ SI, CX
	JB   loop

done:
	VZEROUPPER
	SUBQ DX, SI
	MOVQ SI, ret+16(FP)
	RET
