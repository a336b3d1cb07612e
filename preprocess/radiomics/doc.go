// Package radiomics computes image features as the Image Biomarker
// Standardisation Initiative (IBSI) defines and names them: first-order
// statistics, intensity histogram, co-occurrence (GLCM), run length (GLRLM),
// size zone (GLSZM), neighbourhood difference (NGTDM) and dependence (NGLDM,
// also called GLDM) matrices and shape, in two and three dimensions; and the
// local binary patterns, oriented gradients and wavelet energies that IBSI
// does not define. The codes beside the names are those of IBSI, which PS3.16
// takes over.
//
// It knows no images or files: voxels in, numbers out, always the same numbers.
// The inner loops are C that compilers turn into vector code.
//
// # What is defined where a formula is not
//
// A region of one grey level has skewness, kurtosis and the dispersion
// coefficients 0 where their divisor is 0, GLCM correlation 1 and both
// information correlations 0. NGTDM coarseness has IBSI's ceiling of 10^6; its
// contrast, busyness and strength are 0 where the divisor is 0. A region
// without a neighbour pair (one voxel) has an empty GLCM and no GLCM features.
// A region without voxels is an error.
package radiomics
