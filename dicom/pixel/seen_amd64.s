#include "textflag.h"

// func seenSSE2(b []byte) (bits uint64)
//
// SSE2, which every amd64 processor has: 128 bytes a turn in four sums that do
// not wait for each other.
TEXT ·seenSSE2(SB), NOSPLIT, $0-32
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

// func seenAVX2(b []byte) (bits uint64)
//
// The same in words of 32 bytes.
TEXT ·seenAVX2(SB), NOSPLIT, $0-32
	MOVQ  b_base+0(FP), SI
	MOVQ  b_len+8(FP), CX
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3
	SHRQ  $7, CX
	JZ    done

turn:
	VPOR 0(SI), Y0, Y0
	VPOR 32(SI), Y1, Y1
	VPOR 64(SI), Y2, Y2
	VPOR 96(SI), Y3, Y3
	ADDQ $128, SI
	DECQ CX
	JNZ  turn

done:
	VPOR         Y1, Y0, Y0
	VPOR         Y3, Y2, Y2
	VPOR         Y2, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPOR         X1, X0, X0
	VPSRLDQ      $8, X0, X1
	VPOR         X1, X0, X0
	VMOVQ        X0, AX
	MOVQ         AX, bits+24(FP)
	VZEROUPPER
	RET
