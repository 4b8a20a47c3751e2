//! Two connections against one another, and one against hand-made frames.

mod arbitrary;
mod ending;
mod exchange;
mod fixture;
mod gaps;
mod lossy;
mod opening;
mod tally;
