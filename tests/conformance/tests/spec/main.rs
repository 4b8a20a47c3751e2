//! The project against its specification: every case of every vector file.

mod vectors;
