//! The content of a payload, by type.

use super::read::{bad, content};
use super::{
    Ack, AdapterHealth, AgentFinal, BudgetUpdate, Dispatch, End, EstimateReply, EstimateRequest, Event,
    Heartbeat, Kind, LaneError, Log, Partial, Payload, Provisional, Question, Request, Resume, ResumeAck,
    RouteUpdate, Status, StatusChange, Stream, ToolRequest, ToolResult, WindowUpdate, adapter,
};
use crate::adapter::Capability;
use crate::error::{ControlError, Fault};
use crate::hello::{Hello, HelloAck};
use crate::value::Value;

/// A checked content.
#[derive(Debug, Clone)]
pub enum Body {
    /// [`Kind::AgentRequest`]
    Request(Box<Request>),
    /// [`Kind::AgentPartial`]
    Partial(Partial),
    /// [`Kind::AgentProvisional`]
    Provisional(Box<Provisional>),
    /// [`Kind::AgentFinal`], as agents send it.
    Final(Box<AgentFinal>),
    /// [`Kind::AgentError`]
    LaneError(LaneError),
    /// [`Kind::AgentQuestion`]
    Question(Question),
    /// [`Kind::AgentLog`]
    Log(Log),
    /// [`Kind::AgentEvent`]
    Event(Event),
    /// [`Kind::AgentStatus`]
    StatusChange(StatusChange),
    /// [`Kind::AgentDispatch`]
    Dispatch(Box<Dispatch>),
    /// [`Kind::AgentStream`]
    Stream(Stream),
    /// [`Kind::AgentEnd`]
    End(End),
    /// [`Kind::ToolRequest`]
    ToolRequest(ToolRequest),
    /// [`Kind::ToolResult`]
    ToolResult(ToolResult),
    /// [`Kind::Hello`]
    Hello(Box<Hello>),
    /// [`Kind::HelloAck`]
    HelloAck(Box<HelloAck>),
    /// [`Kind::Resume`]
    Resume(Resume),
    /// [`Kind::ResumeAck`]
    ResumeAck(ResumeAck),
    /// [`Kind::Status`]
    Status(Box<Status>),
    /// [`Kind::Capability`]
    Capability(Box<Capability>),
    /// [`Kind::Health`]
    Health(AdapterHealth),
    /// [`Kind::EstimateRequest`]
    EstimateRequest(Box<EstimateRequest>),
    /// [`Kind::Estimate`]
    Estimate(Box<EstimateReply>),
    /// [`Kind::WindowUpdate`]
    WindowUpdate(Box<WindowUpdate>),
    /// [`Kind::BudgetUpdate`]
    BudgetUpdate(BudgetUpdate),
    /// [`Kind::RouteUpdate`]; verify it before use.
    RouteUpdate(RouteUpdate),
    /// [`Kind::Ack`]
    Ack(Ack),
    /// [`Kind::Error`]
    Error(Box<ControlError>),
    /// [`Kind::Heartbeat`]
    Heartbeat(Heartbeat),
    /// A type of a later version. On a frame that opens a stream it is `EPROTO`; else the frame is acknowledged, dropped
    /// and counted.
    Unknown,
}

impl Body {
    /// Reads the content of a payload.
    ///
    /// # Errors
    /// `EBAD_INPUT` of the message, naming the member at fault.
    pub fn read(payload: &Payload<'_>) -> Result<Self, Fault> {
        let Some(kind) = payload.kind else {
            return Ok(Self::Unknown);
        };
        Ok(match kind {
            Kind::AgentRequest => Self::Request(Box::new(request(payload)?)),
            Kind::AgentPartial => Self::Partial(Partial::read(payload)?),
            Kind::AgentProvisional => Self::Provisional(Box::new(Provisional::read(payload)?)),
            Kind::AgentFinal => Self::Final(Box::new(AgentFinal::read(payload)?)),
            Kind::AgentError => Self::LaneError(content(payload)?),
            Kind::AgentQuestion => Self::Question(content(payload)?),
            Kind::AgentLog => Self::Log(content(payload)?),
            Kind::AgentEvent => Self::Event(content(payload)?),
            Kind::AgentStatus => Self::StatusChange(content(payload)?),
            Kind::AgentDispatch => Self::Dispatch(Box::new(Dispatch::read(payload)?)),
            Kind::AgentStream => Self::Stream(content(payload)?),
            Kind::AgentEnd => Self::End(content(payload)?),
            Kind::ToolRequest => Self::ToolRequest(content(payload)?),
            Kind::ToolResult => Self::ToolResult(content(payload)?),
            Kind::Hello => Self::Hello(content(payload)?),
            Kind::HelloAck => Self::HelloAck(content(payload)?),
            Kind::Resume => Self::Resume(content(payload)?),
            Kind::ResumeAck => Self::ResumeAck(content(payload)?),
            Kind::Status => Self::Status(Box::new(Status::read(payload)?)),
            Kind::Capability => Self::Capability(Box::new(adapter::capability(payload)?)),
            Kind::Health => Self::Health(AdapterHealth::read(payload)?),
            Kind::EstimateRequest => Self::EstimateRequest(Box::new(EstimateRequest::read(payload)?)),
            Kind::Estimate => Self::Estimate(content(payload)?),
            Kind::WindowUpdate => Self::WindowUpdate(Box::new(WindowUpdate::read(payload)?)),
            Kind::BudgetUpdate => Self::BudgetUpdate(content(payload)?),
            Kind::RouteUpdate => Self::RouteUpdate(content(payload)?),
            Kind::Ack => Self::Ack(Ack::read(payload)?),
            Kind::Error => Self::Error(content(payload)?),
            Kind::Heartbeat => Self::Heartbeat(content(payload)?),
        })
    }
}

fn request(payload: &Payload<'_>) -> Result<Request, Fault> {
    let absent = || bad("a request needs a content");
    Request::read(
        payload
            .content
            .as_ref()
            .filter(|content| **content != Value::Null)
            .ok_or_else(absent)?,
    )
}
