//go:build !purego

#include "textflag.h"

// func xorVector(dst, src *byte, n int, key uint32)
TEXT ·xorVector(SB), NOSPLIT, $0-28
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	MOVL key+24(FP), AX
	CMPB ·avx2(SB), $1
	JNE  sse2

	VMOVD        AX, X0
	VPBROADCASTD X0, Y0
	SUBQ         $128, CX
	JLT          rest

	// Four vectors a step.
loop:
	VPXOR   (SI), Y0, Y1
	VPXOR   32(SI), Y0, Y2
	VPXOR   64(SI), Y0, Y3
	VPXOR   96(SI), Y0, Y4
	VMOVDQU Y1, (DI)
	VMOVDQU Y2, 32(DI)
	VMOVDQU Y3, 64(DI)
	VMOVDQU Y4, 96(DI)
	ADDQ    $128, SI
	ADDQ    $128, DI
	SUBQ    $128, CX
	JGE     loop

	// One vector a step, for what is left of the last four.
rest:
	ADDQ $128, CX
	JZ   done

one:
	VPXOR   (SI), Y0, Y1
	VMOVDQU Y1, (DI)
	ADDQ    $32, SI
	ADDQ    $32, DI
	SUBQ    $32, CX
	JNZ     one

done:
	VZEROUPPER
	RET

	// Two vectors of half the size a step.
sse2:
	MOVQ   AX, X0
	PSHUFD $0, X0, X0

pair:
	MOVOU (SI), X1
	MOVOU 16(SI), X2
	PXOR  X0, X1
	PXOR  X0, X2
	MOVOU X1, (DI)
	MOVOU X2, 16(DI)
	ADDQ  $32, SI
	ADDQ  $32, DI
	SUBQ  $32, CX
	JNZ   pair
	RET
