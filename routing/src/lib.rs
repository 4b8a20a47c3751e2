//! Every decision the router takes, as values: what to do in, what was decided and why out.
//!
//! In the order a request meets it:
//!
//! 1. [`policy`] reads, lints and matches policy documents.
//! 2. [`fib`] turns the RIB and what adapters report into candidates per agent prefix.
//! 3. [`plan`] filters, estimates and scores candidates and decides who is asked, with a reason for each.
//! 4. [`budget`] holds and settles money and tokens over an account and all its ancestors.
//! 5. [`scheduler`] decides who goes next, and who gives way; [`breaker`] who is left alone.
//! 6. [`session`] runs the lanes of one request; [`agreement`] compares their answers and [`reconcile`] makes one of them.
//! 7. [`persona`] remembers how the lanes of each persona turned out, which the next decision goes by.
//! 8. [`audit`] is what is put on record of all this.
//!
//! Never here: I/O, actix, clocks, global state. Time is an argument, randomness a seed.

pub mod agreement;
pub mod audit;
pub mod breaker;
pub mod budget;
pub mod fib;
pub mod persona;
pub mod plan;
pub mod policy;
pub mod reconcile;
pub mod scheduler;
pub mod session;
