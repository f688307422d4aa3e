//! Holds the examples of greenroom as its targets; the library itself is empty.
