//! The body of `POST /v1/ask` from arguments, files and standard input.

use std::ffi::OsStr;
use std::path::Path;

use serde_json::{Value, json};

use crate::ctl::args::Ask;
use crate::ctl::{Failure, policy};

/// Files that are text or carry their own structure; any other is source code and fenced under its name.
const VERBATIM: &[&str] = &["md", "markdown", "txt", "rst", "adoc", "diff", "patch"];

/// The body: ATP content (atp.md 7.2) and `meta` members at top level.
pub(super) fn body(args: &Ask, show_lanes: bool) -> Result<Value, Failure> {
    let mut parts = Vec::new();
    if !args.prompt.is_empty() {
        parts.push(args.prompt.join(" "));
    }
    for file in &args.file {
        parts.push(part(file, policy::read(file)?));
    }
    if parts.is_empty() {
        parts.push(policy::read(Path::new("-"))?);
    }
    let text = parts.join("\n\n");
    if text.trim().is_empty() {
        return Err(Failure::Config(
            "nothing to ask: write a prompt, name a --file or pipe a text in".to_owned(),
        ));
    }
    // One message rather than `prompt`, whose length is limited.
    let mut body = json!({ "messages": [{ "role": "user", "content": text }], "stream": true });
    let optional = [
        ("task_type", args.task_type.as_ref().map(|word| json!(word))),
        ("qos", args.qos.as_ref().map(|word| json!(word))),
        ("reconciliation", args.strategy.as_ref().map(|word| json!(word))),
        ("model", args.model.as_ref().map(|word| json!(word))),
        ("max_tokens", args.max_tokens.map(Value::from)),
        ("max_cost_usd_micros", args.max_cost_usd_micros.map(Value::from)),
        ("deadline_ms", args.deadline_ms.map(Value::from)),
        ("expose_lanes", show_lanes.then_some(Value::Bool(true))),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            body[name] = value;
        }
    }
    if !args.personas.is_empty() {
        let personas = args
            .personas
            .iter()
            .map(|persona| json!({ "persona_id": persona }));
        body["personas"] = personas.collect();
    }
    Ok(body)
}

fn part(file: &Path, text: String) -> String {
    let extension = file.extension().and_then(OsStr::to_str).unwrap_or_default();
    if file.as_os_str() == "-" || extension.is_empty() || VERBATIM.contains(&extension) {
        return text;
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!(
        "`{}`:\n\n{fence}{extension}\n{}\n{fence}",
        file.display(),
        text.trim_end()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask() -> Ask {
        Ask {
            prompt: Vec::new(),
            file: Vec::new(),
            task_type: None,
            personas: Vec::new(),
            qos: None,
            strategy: None,
            model: None,
            max_tokens: None,
            max_cost_usd_micros: None,
            deadline_ms: None,
        }
    }

    #[test]
    fn prompt_and_files_make_one_message() {
        let dir = tempfile::tempdir().expect("a directory");
        let (notes, code) = (dir.path().join("a.md"), dir.path().join("b.py"));
        std::fs::write(&notes, "# Notes").expect("a file");
        std::fs::write(&code, "x = '```'\n").expect("a file");
        let asked = Ask {
            prompt: vec!["look".to_owned(), "here".to_owned()],
            file: vec![notes, code.clone()],
            personas: vec!["critic".to_owned()],
            ..ask()
        };
        let body = body(&asked, false).expect("a body");
        let expected = format!(
            "look here\n\n# Notes\n\n`{}`:\n\n````py\nx = '```'\n````",
            code.display()
        );
        assert_eq!(body["messages"][0]["content"], expected);
        assert_eq!(body["personas"], json!([{ "persona_id": "critic" }]));
        assert_eq!(body.get("qos"), None);
    }

    #[test]
    fn an_empty_prompt_is_not_sent() {
        let asked = Ask {
            prompt: vec![" ".to_owned()],
            ..ask()
        };
        assert_eq!(body(&asked, false).expect_err("nothing to ask").exit_code(), 64);
    }
}
