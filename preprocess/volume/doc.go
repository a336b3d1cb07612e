// Package volume puts the slices of a series in order by where they lie in
// the patient (PS3.3 C.7.6.2: image position and orientation, not the instance
// number), reports what is missing or double, and resamples them to a volume.
package volume
