#include "textflag.h"

// func seenBits(b []byte) (bits uint64)
//
// SSE2, which every amd64 processor has: 128 bytes a turn in four sums that do
// not wait for each other.
TEXT ·seenBits(SB), NOSPLIT, $0-32
	MOVQ b_base+0(FP), SI
	MOVQ b_len+8(FP), CX
	PXOR X0, X0
	PXOR X1, X1
	PXOR X2, X2
	PXOR X3, X3
	SHRQ $7, CX
	JZ   done

turn:
	MOVOU 0(SI), X4
	MOVOU 16(SI), X5
	MOVOU 32(SI), X6
	MOVOU 48(SI), X7
	POR   X4, X0
	POR   X5, X1
	POR   X6, X2
	POR   X7, X3
	MOVOU 64(SI), X8
	MOVOU 80(SI), X9
	MOVOU 96(SI), X10
	MOVOU 112(SI), X11
	POR   X8, X0
	POR   X9, X1
	POR   X10, X2
	POR   X11, X3
	ADDQ  $128, SI
	DECQ  CX
	JNZ   turn

done:
	POR    X1, X0
	POR    X3, X2
	POR    X2, X0
	MOVO   X0, X1
	PSRLDQ $8, X1
	POR    X1, X0
	MOVQ   X0, bits+24(FP)
	RET
