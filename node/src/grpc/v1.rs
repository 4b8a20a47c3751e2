//! Messages and client of `proto/atp/adapter/v1/adapter.proto`, and its server for tests.
#![expect(
    unreachable_pub,
    clippy::allow_attributes_without_reason,
    reason = "generated; for whom and why stands in the .proto"
)]
#![cfg_attr(
    test,
    expect(clippy::allow_attributes, reason = "the same, in the server that tests play")
)]

tonic::include_proto!("atp.adapter.v1");
