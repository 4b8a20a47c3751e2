//! Clusters of real processes on loopback: they form, lose members, take others in, and refuse strangers.

mod attached;
mod backup;
mod damage;
mod decisions;
mod dev;
mod failover;
mod fixture;
mod forming;
mod frames;
mod hearing;
mod idempotency;
mod loss;
mod membership;
mod operating;
mod relay;
mod settings;
mod socket;
mod strangers;
