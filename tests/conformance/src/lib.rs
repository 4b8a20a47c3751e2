//! Holds no code: the vectors are read by the tests beside it.
