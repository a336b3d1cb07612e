package preprocess

// #cgo pkg-config: opencv4
// void radnode_set_threads(int n);
// int radnode_threads(void);
import "C"

// SetThreads limits how many threads OpenCV uses for one call, in the whole
// process; 1 keeps it on the calling thread. Results do not depend on it.
func SetThreads(n int) { C.radnode_set_threads(C.int(max(n, 1))) }

// Threads returns how many threads OpenCV uses.
func Threads() int { return int(C.radnode_threads()) }
