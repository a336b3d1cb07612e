// Package iod checks composite objects before they leave: the module tables of
// PS3.3 as data, types 1, 1C, 2 and 2C of their attributes, the values they may
// have, and the rules that tie attributes to each other and to the pixels. The
// structured report classes have their content tree checked by package sr, which
// builds on this one.
package iod
