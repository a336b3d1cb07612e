// gocv v0.31.0 has no call for this.
#include <opencv2/core/utility.hpp>

extern "C" void radnode_set_threads(int n) {
    try { cv::setNumThreads(n); } catch (...) {}
}

extern "C" int radnode_threads(void) {
    try { return cv::getNumThreads(); } catch (...) { return 0; }
}
