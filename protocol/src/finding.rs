//! What a reviewing lane reports (atp.md 21.1, routing.md section 14).

use serde::{Deserialize, Serialize};

/// How bad a finding is. `critical` is accepted on input and kept as [`Finding::critical`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Should be mended some day.
    Low,
    /// Should be mended.
    Medium,
    /// Must be mended.
    High,
}

/// What a finding rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// `code`, `test`, `doc`, `url`, `memory`, `artifact` or `tool_result`.
    pub kind: String,
    /// File it lies in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Lines `a-b`, 1 ≤ a ≤ b.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<String>,
    /// The text itself, at most 500 characters.
    #[serde(default, alias = "quote", skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

/// One claim about the reviewed material.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// `F-` and up to 64 of `[A-Za-z0-9_-]`.
    pub id: String,
    /// Dotted taxonomy key, e.g. `code.vuln.aud_check_missing`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The claim, 1 to 2 000 characters.
    pub claim: String,
    /// How bad it is.
    pub severity: Severity,
    /// Set when the reporter said `critical`; the wire says `high` then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub critical: bool,
    /// 0 to 1.
    pub confidence: f64,
    /// File it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Lines `a-b` in that file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<String>,
    /// What it rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// A way to mend it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposed_fix: Option<String>,
    /// Tests that show it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<String>,
    /// Who reported it, as `agent#seq`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provenance: Vec<String>,
}
